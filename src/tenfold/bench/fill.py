"""Fills a database with generated tenants: what `generate` makes, loaded by COPY in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from tenfold.bench.fill_spec import FillSpec
from tenfold.bench.generate import TableRows, generate
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection
from tenfold.pg.copy import advance_sequence, analyze, bulk_transaction, copy_lines


class Filled(msgspec.Struct, frozen=True):
    """What a fill has put in."""

    #: Rows by table name, in the order of loading.
    rows: dict[str, int]
    #: Rows by tenant over all tables, the largest first.
    tenant_rows: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def fill(
    connection: Connection,
    snapshot: Snapshot,
    spec: FillSpec,
    *,
    tenants: int | None = None,
    scale: float = 1.0,
    analyzed: bool = True,
    progress: Callable[[TableRows], None] | None = None,
) -> Filled:
    """Adds tenants and their rows to the database that the snapshot was taken from; all of them or none.

    `progress` is told each table once its rows are in. With `analyzed` the planner's statistics are renewed.
    Raises ConfigError where specification and schema do not fit, and what the server refuses.
    """
    rows: dict[str, int] = {}
    by_tenant: Counter[int] = Counter()
    with bulk_transaction(connection):
        for table in generate(snapshot, spec, tenants=tenants, scale=scale):
            _load(connection, table)
            rows[table.relation.name] = len(table.lines)
            by_tenant.update(table.tenants)
            if progress is not None:
                progress(table)
    if analyzed:
        analyze(connection)
    return Filled(rows, tuple(count for _, count in by_tenant.most_common()))


def _load(connection: Connection, table: TableRows) -> None:
    schema, name = table.relation.schema, table.relation.name
    copy_lines(connection, schema, name, table.columns, table.lines)
    for column, value in table.highest.items():
        if table.lines:
            advance_sequence(connection, schema, name, column, value)
