"""What rules ask of foreign keys: which a table has, what they pair, how a partitioned table gets one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tenfold.model.ddl import fit, names
from tenfold.model.relations import Constraint, Relation
from tenfold.model.remedy import AddForeignKey, statements
from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject, table_of

#: `confupdtype` and `confdeltype` as SQL.
ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def foreign_keys_of(snapshot: Snapshot, relation: int) -> Iterable[Constraint]:
    """The foreign keys that a table declares and the server enforces; not those it inherits from a parent."""
    return (
        constraint
        for constraint in snapshot.constraints_of(relation)
        if constraint.kind == "f" and constraint.parent is None and constraint.enforced
    )


def pairs(key: Constraint) -> tuple[tuple[int, int], ...]:
    """(column here, column there) of a foreign key, in its own order."""
    return tuple(zip(key.columns, key.foreign_columns or (), strict=True))


def every_column_is_set(snapshot: Snapshot, key: Constraint) -> bool:
    """Whether none of its columns can be null, so that no row escapes the check."""
    return all(snapshot.column_by_number[key.relation, number].not_null for number in key.columns)


def is_key(snapshot: Snapshot, relation: int, columns: frozenset[int]) -> bool:
    """Whether the server takes these columns as the target of a foreign key."""
    return any(
        index.unique
        and index.valid
        and index.predicate is None
        and 0 not in index.key_columns
        and frozenset(index.key_columns) == columns
        for index in snapshot.indexes_of(relation)
    )


def free_constraint_name(subject: Subject, relation: Relation, *columns: str) -> str:
    """`<table>_<columns>_fkey`, as the server would name it, cut to fit and numbered where it is taken."""
    taken = {constraint.name for constraint in subject.snapshot.constraints_of(relation.oid)}
    return fit("_".join([relation.name, *columns, "fkey"]), taken)


def on_every_partition(subject: Subject, relation: Relation, key: AddForeignKey) -> tuple[str, ...]:
    """The statements that add a foreign key to a partitioned table without a scan under lock.

    NOT VALID is refused there before PostgreSQL 18. Partition by partition it is not, and the last statement
    finds valid keys everywhere and adopts them.
    """
    leaves = [subject.snapshot.relation_by_oid[oid] for oid in subject.snapshot.leaves_of(relation.oid)]
    each = [
        statement
        for leaf in leaves
        if leaf.kind != "f"
        for statement in statements(msgspec.structs.replace(key, table=table_of(leaf)))
    ]
    whole, _validate = statements(key)
    return (*each, whole.removesuffix(" NOT VALID"))


def column_list(subject: Subject, relation: int, numbers: Iterable[int]) -> str:
    """Column names as SQL text: `team_id, "order"`."""
    return names(subject.snapshot.column_names(relation, numbers))
