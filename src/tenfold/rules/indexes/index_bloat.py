"""A B-tree index is much larger than its entries need.

## What it finds
B-tree indexes of at least 1 MB of which at least 40 % would be freed by a rebuild, estimated from their
pages and entries at the last vacuum and the mean widths of their columns. The estimate is an upper bound of
what the entries need: each of them is counted whole, as if none shared a posting list with others
(deduplication). So it may miss bloat in an index with few distinct values, and does not see bloat where
there is none. Indexes with expressions, and columns without statistics, are not judged.

## Why it matters
Deleted entries leave space that only entries of the same key range can fill, and a page is given back only
when it is empty. A queue, or a table that was cleaned up once, keeps the pages of its largest day: more to
read for each scan, more memory for nothing.

## How to fix
```sql
REINDEX INDEX CONCURRENTLY campaign_queue_scheduled_at_idx;
```
builds a new one beside it, which takes the space of both meanwhile, and blocks neither reads nor writes. If
it is bloated again in a week, vacuum comes too rarely: see `dead-tuples`.

## When to ignore
The table will fill again soon: then the space is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import RebuildIndex
from tenfold.rules.indexes._indexes import block_size, bytes_of, finding, megabytes, spoken
from tenfold.rules.subject import Subject, table_of

ID = "index-bloat"

# Bytes of PostgreSQL's page layout (src/include/storage/bufpage.h, itup.h, access/nbtree.h).
_PAGE_HEADER = 24
_SPECIAL = 16
_LINE_POINTER = 4
_TUPLE_HEADER = 8
#: Index tuples, and at most their columns, begin at multiples of this.
_ALIGNMENT = 8
#: Share of a leaf page that a build fills, in percent (BTREE_DEFAULT_FILLFACTOR).
_FILLFACTOR = 90


def check(subject: Subject) -> Iterator[Finding]:
    least = subject.thresholds.index_min_bytes / block_size(subject)
    for index in subject.snapshot.indexes:
        if index.method != "btree" or index.pages < least:
            continue
        if not index.valid or index.relation not in subject.judged:
            continue
        needed = pages_needed(subject, index)
        if needed is not None and 1 - needed / index.pages >= subject.thresholds.index_bloat_ratio:
            yield _finding(subject, subject.snapshot.relation_by_oid[index.relation], index, needed)


def pages_needed(subject: Subject, index: Index) -> int | None:
    """Upper bound of the pages of a new build; None where something about the entries is not known."""
    width = _entry_bytes(subject, index)
    if width is None or index.tuples <= 0:
        return None
    block = block_size(subject)
    fillfactor = next(
        (int(option.partition("=")[2]) for option in index.options or () if option.startswith("fillfactor=")),
        _FILLFACTOR,
    )
    room = (block - _PAGE_HEADER - _SPECIAL) * fillfactor / 100
    leaves = ceil(index.tuples / max(1, int(room / width)))
    # One entry a page, level by level, and the metapage.
    above = max(2, int((block - _PAGE_HEADER - _SPECIAL) * 0.7 / width))
    pages, level = leaves + 1, leaves
    while level > 1:
        level = ceil(level / above)
        pages += level
    return pages


def _entry_bytes(subject: Subject, index: Index) -> int | None:
    """Bytes of one entry with its line pointer, every column padded to the widest alignment."""
    width, has_nulls = 0, False
    for number in index.columns:
        statistics = subject.snapshot.statistics_of(index.relation, number)
        if statistics is None:
            return None
        width += _padded(statistics.avg_width)
        has_nulls = has_nulls or statistics.null_frac > 0
    return _LINE_POINTER + _TUPLE_HEADER + (_ALIGNMENT if has_nulls else 0) + width


def _padded(width: int) -> int:
    return -(-width // _ALIGNMENT) * _ALIGNMENT


def _finding(subject: Subject, relation: Relation, index: Index, needed: int) -> Finding:
    size = bytes_of(subject, index)
    share = 1 - needed / index.pages
    verdict = finding(
        ID,
        relation,
        index,
        f"{spoken(index)} of {relation.display} takes {megabytes(size)}; a rebuild would free at least "
        f"{megabytes(size * share)} of it ({share:.0%})",
    )
    remedy = RebuildIndex(table=table_of(relation), name=index.name)
    return msgspec.structs.replace(verdict, remedies=(remedy,))
