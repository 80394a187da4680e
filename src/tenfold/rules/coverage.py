"""Which index serves what: the questions about index columns that rules and the plan share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from tenfold.model.ddl import identifier
from tenfold.model.relations import Column, Index, Policy, Relation
from tenfold.model.snapshot import Snapshot

#: How far a table's indexes serve `tenant column = ...`. served: one can be descended. building: one is being
#: built. partial: one leads with it, for some rows only. trailing: one has it behind another key.
TenantCover = Literal["served", "building", "partial", "trailing", "none"]

# Methods that find rows by equality of their first key; GIN finds them by any key. BRIN skips block ranges,
# which helps only where a tenant's rows lie together.
_BY_FIRST_KEY = frozenset({"btree", "hash", "gist", "spgist"})


def tenant_cover(snapshot: Snapshot, relation: Relation, column: Column) -> TenantCover:
    """What the table's indexes do for its tenant column: the best that any of them does.

    A partitioned table without such an index is served where every partition has one of its own, or holds one
    tenant alone.
    """
    indexes = snapshot.indexes_of(relation.oid)
    if any(_serves_tenant(snapshot, relation, index, column) for index in indexes):
        return "served"
    if relation.kind == "p" and _leaves_are_served(snapshot, relation, column):
        return "served"
    leading = [index for index in indexes if leads_with(index, column.number)]
    if any(not index.valid and _is_being_built(snapshot, index) for index in leading):
        return "building"
    if any(index.valid and index.predicate is not None for index in leading):
        return "partial"
    return "trailing" if any(_trails(index, column.number) for index in indexes) else "none"


def is_usable(index: Index) -> bool:
    """Whether the planner may use it for any row: valid, built, not partial."""
    return index.valid and index.ready and index.predicate is None


def is_tied(index: Index) -> bool:
    """Whether it is more than a way to find rows: a rule about them, an identity, a part of another index."""
    rule = index.unique or index.primary or index.exclusion or index.constraint is not None
    return rule or index.replica_identity or index.clustered or index.parent is not None


def leads_with(index: Index, column: int) -> bool:
    """Whether the first key column is this one."""
    return index.columns[:1] == (column,)


def serves_equality(index: Index, columns: Iterable[int]) -> bool:
    """Whether `WHERE a = .. AND b = ..` on just these columns descends the index straight to its rows.

    The columns must be the leading keys, in any order among themselves. Included columns are not keys.
    """
    wanted = set(columns)
    if not is_usable(index) or index.method not in ("btree", "hash"):
        return False
    if index.method == "hash" and len(wanted) != 1:
        return False
    return set(index.key_columns[: len(wanted)]) == wanted


def serves_key(snapshot: Snapshot, relation: Relation, columns: Sequence[str]) -> bool:
    """Whether the table can be searched by equality of all these columns: what a check of a foreign key does.

    Also by a partial index that leaves out nulls of one of them, since such a check looks for none. A
    partitioned table can where every partition can.
    """
    numbers = {found.number for name in columns if (found := snapshot.column(relation.oid, name)) is not None}
    leading = [index for index in snapshot.indexes_of(relation.oid) if index.columns[0] in numbers]
    if any(_serves_key(snapshot, index, numbers) for index in leading):
        return True
    parts = [snapshot.relation_by_oid[oid] for oid in snapshot.children_of(relation.oid)]
    tables = [part for part in parts if part.is_table]
    return (
        relation.kind == "p" and bool(tables) and all(serves_key(snapshot, part, columns) for part in tables)
    )


def _serves_key(snapshot: Snapshot, index: Index, numbers: Collection[int]) -> bool:
    if serves_equality(index, numbers):
        return True
    if index.predicate is None or index.method != "btree" or not (index.valid and index.ready):
        return False
    return set(index.key_columns[: len(numbers)]) == set(numbers) and any(
        is_not_null_test(index.predicate, name) for name in snapshot.column_names(index.relation, numbers)
    )


def same_keys(one: Index, other: Index, count: int) -> bool:
    """Whether the first `count` keys are the same column, operator class, collation and order."""
    return (
        one.method == other.method
        and one.columns[:count] == other.columns[:count]
        and 0 not in one.columns[:count]
        and one.opclasses[:count] == other.opclasses[:count]
        and one.collations[:count] == other.collations[:count]
        and one.option_bits[:count] == other.option_bits[:count]
    )


def is_not_null_test(expression: str, column: str) -> bool:
    """Whether an expression, as the server writes it, is no more than `column IS NOT NULL`."""
    bare = expression.strip().strip("()")
    quoted = column.replace('"', '""')
    return bare in (f"{column} IS NOT NULL", f'"{quoted}" IS NOT NULL')


def conjuncts(expression: str) -> frozenset[str]:
    """The conditions that AND joins in an expression, each in one spelling; else itself."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        parts = [sqlglot.parse_one(expression, dialect="postgres").unnest()]
    except SqlglotError:
        return frozenset((expression,))
    found = set()
    while parts:
        part = parts.pop()
        if isinstance(part, exp.And):
            parts += [part.left.unnest(), part.right.unnest()]
        else:
            found.add(part.sql(dialect="postgres"))
    return frozenset(found)


# --- of the tenant column ---


def _serves_tenant(snapshot: Snapshot, relation: Relation, index: Index, column: Column) -> bool:
    if not (index.valid and index.ready):
        return False
    found = leads_with(index, column.number) and index.method in _BY_FIRST_KEY
    if not found and not (index.method == "gin" and column.number in index.key_columns):
        return False
    return (
        index.predicate is None
        # `column = ...` is never true of a null, and the planner knows it.
        or is_not_null_test(index.predicate, column.name)
        or _policies_imply(snapshot, relation, index.predicate)
    )


def _trails(index: Index, column: int) -> bool:
    return is_usable(index) and index.method in _BY_FIRST_KEY and column in index.key_columns[1:]


def _policies_imply(snapshot: Snapshot, relation: Relation, predicate: str) -> bool:
    """Whether row-level security adds the predicate to every query that reads the table."""
    if not relation.rls_enabled:
        return False
    reading = [policy for policy in snapshot.policies_of(relation.oid) if policy.command in ("*", "r")]
    permissive = [policy for policy in reading if policy.permissive]
    restrictive = [policy for policy in reading if not policy.permissive]
    wanted = conjuncts(predicate)

    def implies(policy: Policy) -> bool:
        return policy.using is not None and wanted <= conjuncts(policy.using)

    # A policy for some roles only says nothing of the others.
    return any(implies(policy) and 0 in policy.roles for policy in restrictive) or (
        bool(permissive) and all(implies(policy) for policy in permissive)
    )


def _leaves_are_served(snapshot: Snapshot, relation: Relation, column: Column) -> bool:
    leaves = [snapshot.relation_by_oid[oid] for oid in snapshot.leaves_of(relation.oid)]
    tables = [leaf for leaf in leaves if leaf.kind != "f"]
    return bool(tables) and all(
        _holds_one_tenant(snapshot, relation, leaf, column) or _leaf_is_served(snapshot, leaf, column.name)
        for leaf in tables
    )


def _holds_one_tenant(snapshot: Snapshot, root: Relation, leaf: Relation, column: Column) -> bool:
    """Whether the planner comes to it by the tenant alone: a partition by list, of one value."""
    bound = leaf.partition_bound or "DEFAULT"
    return (
        root.partition_key == f"LIST ({identifier(column.name)})"
        and root.oid in snapshot.parents_of(leaf.oid)
        and bound != "DEFAULT"
        and "," not in bound
    )


def _leaf_is_served(snapshot: Snapshot, leaf: Relation, name: str) -> bool:
    # Attribute numbers may differ from those of the partitioned table.
    column = snapshot.column(leaf.oid, name)
    return column is not None and any(
        _serves_tenant(snapshot, leaf, index, column) for index in snapshot.indexes_of(leaf.oid)
    )


def _is_being_built(snapshot: Snapshot, index: Index) -> bool:
    return any(build.index == index.oid for build in snapshot.index_builds)
