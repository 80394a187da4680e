"""Names of new indexes: `idx_<table>_<columns>`, or what a run that was broken off has used already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tenfold.migrate.draft import Draft
from tenfold.migrate.index_shape import shape_of_index, shape_of_wish
from tenfold.migrate.wishes import Wish
from tenfold.model.ddl import IDENTIFIER_BYTES, fit
from tenfold.model.finding import Priority
from tenfold.model.relations import Index, Relation
from tenfold.model.remedy import CreateIndex
from tenfold.rules.subject import table_of


def index_name(draft: Draft, relation: Relation, remedy: CreateIndex, *, built: bool = False) -> str:
    """A free name, or that of the same index where it is there but invalid; where `built`, also valid."""
    for index in draft.snapshot.indexes_of(relation.oid):
        if (built or not index.valid) and _is_ours(draft, index, remedy):
            return index.name
    return draft.claim(relation.schema, remedy.index_name)


def unfinished_indexes(draft: Draft) -> Iterator[Wish[CreateIndex]]:
    """Indexes that were declared on a partitioned table and are not attached to all of its partitions yet.

    No finding asks for them once every partition has its own.
    """
    for relation in draft.subject.tables:
        if relation.kind != "p":
            continue
        for index in draft.snapshot.indexes_of(relation.oid):
            remedy = _as_wished(draft, relation, index)
            if not index.valid and _is_ours(draft, index, remedy):
                yield Wish(remedy, Priority.P2)


def _as_wished(draft: Draft, relation: Relation, index: Index) -> CreateIndex:
    shape = shape_of_index(draft.snapshot, index)
    return CreateIndex(
        table=table_of(relation),
        keys=shape.keys,
        include=tuple(sorted(shape.include)),
        where=shape.where,
        unique=shape.unique,
        method=shape.method,
    )


def _is_ours(draft: Draft, index: Index, remedy: CreateIndex) -> bool:
    if not _is_numbered(index.name, remedy.index_name):
        return False
    return shape_of_index(draft.snapshot, index) == shape_of_wish(remedy)


def _is_numbered(name: str, wanted: str) -> bool:
    """Whether `fit` makes this name of the wanted one, however many are taken."""
    suffix = re.search(r"_[1-9]\d*\Z", name)
    room = IDENTIFIER_BYTES - len(suffix.group()) if suffix else 0
    numbered = suffix is not None and wanted.encode()[:room].decode(errors="ignore") + suffix.group() == name
    return name == fit(wanted) or numbered
