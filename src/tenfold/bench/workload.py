"""Runs named statements with parameters drawn from the data, and measures them.

A parameter's value is drawn from what it is compared with: for `status = $2` a status that a row of this
tenant has. Statements that write are rolled back.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tenfold.model.activity import Statement
from tenfold.model.ddl import identifier, literal
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import Connection, translate_errors
from tenfold.pg.explain import explain_analyze
from tenfold.statements.compared import compared

if TYPE_CHECKING:
    from sqlglot import exp


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement's execution: the median of the rounds."""

    name: str
    milliseconds: float
    #: Shared blocks touched, found in memory or read.
    blocks: int
    #: The plan's most telling node: how it gets at the rows of its largest relation.
    access: str
    rows: int
    rounds: int


class As(msgspec.Struct, frozen=True, kw_only=True):
    """As whom the statements run."""

    tenant: str
    role: str | None
    #: The run-time setting that carries the tenant.
    setting: str


def run_workload(
    connection: Connection,
    snapshot: Snapshot,
    statements: Sequence[Statement],
    tenancy: Tenancy,
    subject: As,
    *,
    rounds: int = 5,
    progress: Callable[[str], None] | None = None,
) -> list[Measurement]:
    """Measures each statement so many times after one warm-up."""
    measured = []
    for statement in statements:
        name = statement.name or "statement"
        if progress is not None:
            progress(name)
        values = draw_parameters(connection, snapshot, statement.text, tenancy, subject.tenant)
        plans = [
            explain_analyze(
                connection,
                statement.text,
                values,
                role=subject.role,
                settings={subject.setting: subject.tenant},
            )
            for _ in range(rounds + 1)
        ][1:]
        measured.append(
            Measurement(
                name=name,
                milliseconds=statistics.median(plan["Execution Time"] for plan in plans),
                blocks=int(statistics.median(_blocks(plan["Plan"]) for plan in plans)),
                access=access(plans[-1]["Plan"]),
                rows=int(plans[-1]["Plan"]["Actual Rows"]),
                rounds=rounds,
            )
        )
    return measured


def tenants_by_rows(connection: Connection, table: str, column: str) -> tuple[str, ...]:
    """Tenants as text, the one with most rows first. `table` is a qualified name as SQL."""
    with translate_errors():
        rows = connection.execute(
            f"SELECT {identifier(column)}::text FROM {table} GROUP BY 1 ORDER BY count(*) DESC, 1".encode()
        ).fetchall()
    return tuple(row[0] for row in rows)


def count_as(connection: Connection, table: str, role: str, setting: str | None, tenant: str | None) -> int:
    """How many rows of a table the role sees, with the tenant set or with none."""
    with translate_errors():
        connection.execute("BEGIN")
        try:
            if setting is not None and tenant is not None:
                connection.execute("SELECT set_config(%s, %s, true)", (setting, tenant))
            connection.execute(f"SET LOCAL ROLE {identifier(role)}".encode())
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        finally:
            connection.execute("ROLLBACK")
    return int(row[0]) if row is not None else 0


def draw_parameters(
    connection: Connection, snapshot: Snapshot, statement: str, tenancy: Tenancy, tenant: str
) -> tuple[str | None, ...]:
    """A value for each `$n`, as text; parameters of one table come from one row of the tenant."""
    wanted = compared(statement)
    if not wanted:
        return ()
    values: dict[int, str | None] = {}
    by_table: dict[str, list[tuple[int, exp.Expr]]] = {}
    for number, (_, table, other) in wanted.items():
        if other is None or table is None:
            values[number] = None
        elif other.name in tenancy.columns:
            values[number] = tenant
        else:
            by_table.setdefault(table, []).append((number, other))
    for table, pairs in by_table.items():
        drawn = _row_of(connection, snapshot, table, [other for _, other in pairs], tenancy, tenant)
        values.update({number: value for (number, _), value in zip(pairs, drawn, strict=True)})
    return tuple(values.get(number) for number in range(1, max(wanted) + 1))


def access(plan: dict[str, Any]) -> str:
    """How the plan reads its costliest relation: `Index Scan using x`, `Seq Scan on y`."""
    scans = [node for node in _nodes(plan) if "Relation Name" in node or "Index Name" in node]
    if not scans:
        return str(plan["Node Type"])
    node = max(scans, key=lambda node: node["Total Cost"] * node.get("Actual Loops", 1))
    if node["Node Type"] == "Bitmap Heap Scan":
        node = next((child for child in _nodes(node) if "Index Name" in child), node)
    if "Index Name" in node:
        return f"{node['Node Type'].removesuffix(' Scan')}: {node['Index Name']}"
    return f"{node['Node Type']}: {node['Relation Name']}"


def _nodes(plan: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _blocks(plan: dict[str, Any]) -> int:
    # A node's figures include those of the nodes below it.
    return int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))


def _row_of(
    connection: Connection,
    snapshot: Snapshot,
    table: str,
    wanted: Sequence[exp.Expr],
    tenancy: Tenancy,
    tenant: str,
) -> tuple[str | None, ...]:
    from sqlglot import exp

    expressions = []
    for expression in wanted:
        bare = expression.copy()
        for column in bare.find_all(exp.Column):
            column.set("table", None)
        expressions.append(bare.sql("postgres"))
    shown = ", ".join(f"({expression})::text" for expression in expressions)
    present = " AND ".join(f"({expression}) IS NOT NULL" for expression in expressions)
    tenant_column = _tenant_column(snapshot, tenancy, table)
    if tenant_column is not None:
        present += f" AND {identifier(tenant_column)}::text = {literal(tenant)}"
    row = _one(connection, f"SELECT {shown} FROM {table} WHERE {present} LIMIT 1")
    return tuple(row) if row is not None else (None,) * len(wanted)


def _tenant_column(snapshot: Snapshot, tenancy: Tenancy, table: str) -> str | None:
    for relation in snapshot.relations_named.get(table.rpartition(".")[2].strip('"'), ()):
        for name in tenancy.columns:
            if snapshot.column(relation.oid, name) is not None:
                return name
    return None


def _one(connection: Connection, query: str) -> tuple[Any, ...] | None:
    with translate_errors():
        return connection.execute(query.encode()).fetchone()
