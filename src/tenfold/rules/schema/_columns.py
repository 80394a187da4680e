"""Columns that are judged by their type alone."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.relations import Column, Relation
from tenfold.rules.subject import Subject


def columns_of_type(subject: Subject, type_oid: int) -> Iterator[tuple[Relation, Column]]:
    """Columns of that type in judged tables; those of partitions and inheriting tables once, above."""
    tables = subject.once(_tables)
    for column in subject.snapshot.columns:
        if column.type_oid == type_oid and column.relation in tables:
            table = tables[column.relation]
            if not _is_inherited(subject, table, column):
                yield table, column


def _tables(subject: Subject) -> dict[int, Relation]:
    return {table.oid: table for table in subject.tables}


def _is_inherited(subject: Subject, table: Relation, column: Column) -> bool:
    return any(
        subject.snapshot.column(parent, column.name) is not None
        for parent in subject.snapshot.parents_of(table.oid)
    )
