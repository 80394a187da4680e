"""What both partitioning rules ask of a table: how much it holds, what refers to it, how it would be made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from tenfold.model.ddl import fit, names, qualified
from tenfold.model.relations import Column, Relation
from tenfold.rules.subject import Subject


def volume(subject: Subject, table: Relation, operations_per_day: int) -> str | None:
    """Why the table is large enough, as a clause: its rows or what is expected of it; None where it is not.

    Counted operations do not count here: they hold reads, and a restore looks like growth.
    """
    rows = subject.rows(table)
    if rows >= subject.thresholds.partition_rows:
        return f"holds {rows:,.0f} rows"
    expected = subject.declared_operations_per_day(table)
    if expected >= operations_per_day:
        return f"is expected to take {expected:,.0f} operations a day"
    return None


def referring_keys(subject: Subject) -> Mapping[int, int]:
    """How many foreign keys of other tables refer to each table."""
    return Counter(
        constraint.foreign_relation
        for constraint in subject.snapshot.constraints
        if constraint.kind == "f"
        and constraint.foreign_relation is not None
        and constraint.foreign_relation != constraint.relation
        and constraint.parent is None
    )


def refers_text(count: int) -> str:
    """A clause on the foreign keys that are in the way, for the end of a message."""
    if count == 0:
        return ""
    subject = (
        "a foreign key of another table refers"
        if count == 1
        else f"{count} foreign keys of other tables refer"
    )
    return f"; {subject} to it and must carry the partition column or go"


def partitioned_name(table: Relation) -> str:
    """The new table's qualified name, until it takes the old one's place."""
    return qualified(table.schema, fit(f"{table.name}_partitioned"))


def partitioned_copy(
    subject: Subject, table: Relation, column: Column, strategy: Literal["RANGE", "HASH"]
) -> str:
    """An empty partitioned table of the same columns, its primary key widened by the partition column."""
    snapshot = subject.snapshot
    # Partitioned tables have identity columns from version 17 on.
    has_identity = any(other.identity for other in snapshot.columns_of(table.oid))
    identity = " EXCLUDING IDENTITY" if has_identity and snapshot.server.major < 17 else ""
    key = next((item.columns for item in snapshot.constraints_of(table.oid) if item.kind == "p"), ())
    columns = snapshot.column_names(table.oid, dict.fromkeys((*key, column.number)))
    primary = f", PRIMARY KEY ({names(columns)})" if key else ""
    return (
        f"CREATE TABLE {partitioned_name(table)} "
        f"(LIKE {table.qualified} INCLUDING ALL EXCLUDING INDEXES{identity}{primary}) "
        f"PARTITION BY {strategy} ({names((column.name,))})"
    )
