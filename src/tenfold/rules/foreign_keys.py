"""What rules ask of foreign keys: what they pair, whom they bind, what a new one is called and refers to."""

from __future__ import annotations

from tenfold.model.ddl import fit
from tenfold.model.relations import Constraint, Index, Relation
from tenfold.model.remedy import Table
from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject, table_of

#: `confupdtype` and `confdeltype` as SQL.
ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


_DEFERRED = "DEFERRABLE INITIALLY DEFERRED"


def pairs(key: Constraint) -> tuple[tuple[int, int], ...]:
    """(column here, column there) of a foreign key, in its own order."""
    return tuple(zip(key.columns, key.foreign_columns or (), strict=True))


def every_column_is_set(snapshot: Snapshot, key: Constraint) -> bool:
    """Whether none of its columns can be null, so that no row escapes the check."""
    return all(snapshot.column_by_number[key.relation, number].not_null for number in key.columns)


def deferral(key: Constraint) -> str:
    """When it is checked, as SQL. A key beside it that is checked earlier refuses what it lets pass."""
    if not key.deferrable:
        return ""
    deferred = key.definition.removesuffix(" NOT VALID").endswith(f" {_DEFERRED}")
    return _DEFERRED if deferred else "DEFERRABLE"


def is_key(snapshot: Snapshot, relation: int, columns: frozenset[int]) -> bool:
    """Whether the server takes these columns as the target of a foreign key."""
    return any(
        index.unique
        and index.key_count == len(columns)
        and index.valid
        and index.predicate is None
        and frozenset(index.key_columns) == columns
        and not _is_deferrable(snapshot, index)
        for index in snapshot.indexes_of(relation)
    )


def _is_deferrable(snapshot: Snapshot, index: Index) -> bool:
    return index.constraint is not None and any(
        constraint.oid == index.constraint and constraint.deferrable
        for constraint in snapshot.constraints_of(index.relation)
    )


def free_constraint_name(subject: Subject, relation: Relation, *columns: str) -> str:
    """`<table>_<columns>_fkey`, as the server would name it, cut to fit and numbered where it is taken."""
    taken = {constraint.name for constraint in subject.snapshot.constraints_of(relation.oid)}
    return fit("_".join([relation.name, *columns, "fkey"]), taken)


def parts_with_keys(subject: Subject, relation: Relation) -> tuple[Table, ...]:
    """Of a partitioned table, the parts that a foreign key is added to first; empty for any other."""
    if relation.kind != "p":
        return ()
    return tuple(table_of(part) for part in subject.storage_of(relation) if part.kind == "r")
