"""What rules about tenant columns share: how a table is read without an index, what is known of nulls."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Relation
from tenfold.rules.coverage import TenantCover
from tenfold.rules.subject import Subject, TenantTable


def covered(subject: Subject, cover: TenantCover) -> Iterator[TenantTable]:
    """The tenant tables whose indexes do that much for the tenant column."""
    return (table for table in subject.tenant_tables if subject.tenant_cover[table.relation.oid] == cover)


def wants_index(subject: Subject, rule: str, table: TenantTable, message: str) -> Finding:
    """A finding that an index on the tenant column puts right."""
    return Finding(
        rule=rule,
        priority=subject.priority(table.relation),
        object=table.relation.display,
        relation=table.relation.oid,
        message=message,
        remedies=(subject.create_index(table.relation, table.column.name),),
    )


def every_row(subject: Subject, relation: Relation) -> str:
    """What a sequential scan reads: `all 5,000,000 rows`; `the whole table` where their number is unknown."""
    rows = subject.rows(relation)
    return f"all {rows:,.0f} rows" if rows > 1 else "the whole table"


def has_no_nulls(subject: Subject, relation: Relation, column: Column) -> bool:
    """Whether statistics found no null in the column, or there is no row at all."""
    if relation.kind == "r" and relation.size_bytes == 0:
        return True
    statistics = subject.snapshot.statistics_of(relation.oid, column.number)
    return statistics is not None and statistics.null_frac == 0.0
