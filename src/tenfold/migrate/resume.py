"""What a run that was broken off has left half done, and no finding asks for any more.

A new plan is made of what the database is now; these traces of ours in it say what is still to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.migrate.draft import Draft
from tenfold.migrate.not_null import is_own_check
from tenfold.migrate.wishes import Wish
from tenfold.model.finding import Priority
from tenfold.model.relations import Column, Relation
from tenfold.model.remedy import AddTenantColumn, SetNotNull
from tenfold.rules.subject import table_of

_NULLABLE_RULE = "tenant-column-nullable"


def unfinished_columns(draft: Draft) -> Iterator[Wish[AddTenantColumn]]:
    """Tenant columns that a plan has added, and that may not be filled yet."""
    for remedy in draft.filled:
        relation = draft.snapshot.relation_by_name.get((remedy.table.schema, remedy.table.name))
        if relation is not None and _is_unfinished(draft, relation, remedy):
            asking = [each for each in draft.findings_about(relation) if each.rule == _NULLABLE_RULE]
            priority = min([draft.subject.priority(relation), *(each.priority for each in asking)])
            yield Wish(remedy, priority, tuple(each.key for each in asking))


def unfinished_checks(draft: Draft) -> Iterator[Wish[SetNotNull]]:
    """Columns on which our own check still stands for NOT NULL."""
    for constraint in draft.snapshot.constraints:
        relation = draft.snapshot.relation_by_oid.get(constraint.relation)
        if constraint.kind != "c" or constraint.parent is not None or relation is None:
            continue
        for column in draft.snapshot.columns_of(relation.oid) if len(constraint.columns) == 1 else ():
            if not column.not_null and is_own_check(constraint, column):
                yield Wish(SetNotNull(table=table_of(relation), column=column.name), Priority.P2)


def _is_unfinished(draft: Draft, relation: Relation, remedy: AddTenantColumn) -> bool:
    """Whether its key to the parent is missing, or it lacks the NOT NULL that it can have.

    Where it can have none, the statistics tell whether it is filled.
    """
    snapshot = draft.snapshot
    column = snapshot.column(relation.oid, remedy.column)
    parent = snapshot.relation_by_name.get((remedy.parent.schema, remedy.parent.name))
    source = snapshot.column(parent.oid, remedy.parent_tenant_column) if parent is not None else None
    ways = [snapshot.column(relation.oid, name) for name in remedy.foreign_columns]
    if column is None or source is None or None in ways:
        return False
    if not has_key(draft, relation, remedy):
        return True
    if column.not_null:
        return False
    known = [way for way in ways if way is not None]
    if not remedy.deferral and source.not_null and all(way.not_null for way in known):
        return True
    return _nulls(draft, column, 1.0) > max(_nulls(draft, way, 0.0) for way in known)


def key_columns(remedy: AddTenantColumn) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns of the key that holds a row to its parent's tenant, here and there."""
    here, there = (remedy.column,), (remedy.parent_tenant_column,)
    if remedy.parent_tenant_column in remedy.parent_columns:
        return here, there
    return (*here, *remedy.foreign_columns), (*there, *remedy.parent_columns)


def has_key(draft: Draft, relation: Relation, remedy: AddTenantColumn) -> bool:
    here, _ = key_columns(remedy)
    return any(
        draft.snapshot.column_names(relation.oid, key.columns) == here
        for key in draft.snapshot.foreign_keys_of(relation.oid)
    )


def _nulls(draft: Draft, column: Column, unknown: float) -> float:
    statistics = draft.snapshot.statistics_of(column.relation, column.number)
    return statistics.null_frac if statistics is not None else unknown
