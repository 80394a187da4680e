"""Statements filter or sort a hot table by columns that no index serves.

## What it finds
Recorded and configured statements on a hot or busy table that compare columns with parameters or constants,
or sort by columns under a `LIMIT`, where no index of the table gives that path. The index it proposes has
the tenant column first if the statement binds it, then the other columns compared by equality, then the
columns of the whole `ORDER BY` with their directions, or else one column of a range. Paths of one table
that one index gives are given by one; of several, the two that serve most statements are proposed.

Left out are columns that a B-tree cannot search under row-level security, because the operator of their
type is not leakproof (numeric, enumerations, JSON); booleans; and columns of a foreign key alone, which are
`fk-index-missing`.

## Why it matters
With an index on the tenant column alone, each such statement reads all rows of the tenant and throws most
of them away, or sorts them all to return fifty. On a table with 100,000 operations a day that is what the
processors do.

## How to fix
```sql
CREATE INDEX CONCURRENTLY idx_campaign_queue_team_id_priority_scheduled_at
    ON campaign_queue (team_id, priority DESC, scheduled_at);
```
It takes the place of an index on `team_id` alone: the plan joins the two. Every index makes writes dearer,
so look at the statements that the finding names: it is for them.

## When to ignore
The statement is to go, or each tenant has so few rows that reading all of them is as fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tenfold.model.finding import Finding
from tenfold.model.relations import Relation
from tenfold.model.remedy import Key
from tenfold.rules.capacity._access_paths import Path, is_served, wanted_path
from tenfold.rules.subject import Subject
from tenfold.rules.workload import judged, name_of
from tenfold.statements.shape import TableUse

ID = "hot-table-unindexed"

#: Indexes that are proposed for one table at most.
_MOST_INDEXES = 2
#: Statements that a message names.
_NAMED = 3


class _Wanted(msgspec.Struct):
    """An index and the statements that it serves."""

    keys: tuple[Key, ...]
    #: Whether all its keys are compared by equality, so that an index may have them in any order.
    exact: bool
    statements: dict[str, None]


def check(subject: Subject) -> Iterator[Finding]:
    for oid, paths in _paths(subject).items():
        table = subject.snapshot.relation_by_oid[oid]
        wanted = sorted(_consolidated(paths), key=lambda index: (-len(index.statements), len(index.keys)))
        for index in wanted[:_MOST_INDEXES]:
            yield _finding(subject, table, index)


def _paths(subject: Subject) -> Mapping[int, Mapping[Path, dict[str, None]]]:
    """By table, the paths that no index gives, and the statements that ask for each."""
    tables = {table.oid for table in subject.tables if _is_busy(subject, table)}
    found: defaultdict[int, defaultdict[Path, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for each in subject.once(judged) if tables else ():
        for use in each.shape.uses if each.shape is not None else ():
            table = subject.root_of(subject.snapshot.relation_by_oid[use.relation])
            if table.oid in tables and use.access != "insert":
                path = _unserved(subject, table, use)
                if path is not None:
                    found[table.oid][path][name_of(subject, each.statement)] = None
    return found


def _is_busy(subject: Subject, table: Relation) -> bool:
    return subject.operations_per_day(table) >= subject.thresholds.busy_operations_per_day


def _unserved(subject: Subject, table: Relation, use: TableUse) -> Path | None:
    path = wanted_path(subject, table, use)
    return None if path is None or is_served(subject, table, use, path) else path


def _consolidated(paths: Mapping[Path, dict[str, None]]) -> Sequence[_Wanted]:
    """As few indexes as give all paths: none is the beginning of another."""
    wanted: list[_Wanted] = []
    # Short ones first, so that a longer one can begin with the columns of a shorter one.
    for path in sorted(paths, key=lambda path: (len(path.fixed), len(path.keys), path.fixed)):
        giver = next((index for index in wanted if _gives(index, path)), None)
        if giver is not None:
            giver.statements |= paths[path]
            continue
        start = next((index.keys for index in wanted if _may_begin(index, path)), ())
        keys = _beginning_with(start, path)
        begun = [index for index in wanted if index.keys == keys[: len(index.keys)]]
        served = paths[path] | {name: None for index in begun for name in index.statements}
        wanted = [index for index in wanted if index not in begun]
        wanted.append(_Wanted(keys, not path.tail, served))
    return wanted


def _gives(index: _Wanted, path: Path) -> bool:
    count = len(path.fixed)
    leading = {key.column for key in index.keys[:count]}
    return leading == set(path.fixed) and index.keys[count : count + len(path.tail)] == path.tail


def _may_begin(shorter: _Wanted, path: Path) -> bool:
    """Whether an index for the path can have the shorter one's keys first."""
    columns = {key.column for key in shorter.keys}
    same = shorter.keys == path.keys[: len(shorter.keys)]
    return same or (shorter.exact and columns <= set(path.fixed))


def _beginning_with(start: tuple[Key, ...], path: Path) -> tuple[Key, ...]:
    begun = {key.column for key in start}
    return start + tuple(key for key in path.keys if key.column not in begun)


def _finding(subject: Subject, table: Relation, index: _Wanted) -> Finding:
    names = list(index.statements)
    others = len(names) - _NAMED
    for_whom = ", ".join(names[:_NAMED]) + (f" and {others} more" if others > 0 else "")
    keys = ", ".join(key.sql for key in index.keys)
    remedy = subject.create_index(table, *(key.column for key in index.keys if key.column is not None))
    return Finding(
        rule=ID,
        priority=subject.priority(table),
        object=table.display,
        detail=keys,
        relation=table.oid,
        message=f"{table.display} has {subject.operations_per_day(table):,.0f} operations a day and no index "
        f"on ({keys}), by which {for_whom} look{'s' if len(names) == 1 else ''} up rows",
        remedies=(msgspec.structs.replace(remedy, keys=index.keys),),
    )
