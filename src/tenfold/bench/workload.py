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
    wanted = _compared(statement)
    if not wanted:
        return ()
    values: dict[int, str | None] = {}
    by_table: dict[str, list[tuple[int, exp.Expr]]] = {}
    for number, (table, other) in wanted.items():
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


def _compared(statement: str) -> dict[int, tuple[str | None, exp.Expr | None]]:
    """For each parameter: the table, and the expression on the other side of its comparison."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(statement, dialect="postgres")
    tables = {
        table.alias_or_name: table.sql("postgres", comments=False).split(" AS ")[0]
        for table in tree.find_all(exp.Table)
    }
    found: dict[int, tuple[str | None, exp.Expr | None]] = {}
    for parameter in tree.find_all(exp.Parameter):
        number = int(parameter.name)
        other = _inserted(tree, parameter) or _other_side(parameter)
        if other is None:
            found.setdefault(number, (None, None))
            continue
        column = other if isinstance(other, exp.Column) else other.find(exp.Column)
        table = tables.get(column.table) if column is not None and column.table else None
        if table is None:
            table = next(iter(tables.values()), None) if len(tables) == 1 or not column else None
        if table is None:
            table = _target(tree) or next(iter(tables.values()), None)
        if number not in found or found[number][1] is None:
            found[number] = (table, other)
    return found


def _target(tree: exp.Expr) -> str | None:
    from sqlglot import exp

    target = tree.this if isinstance(tree, exp.Insert | exp.Update | exp.Delete) else None
    table = target.find(exp.Table) if target is not None else None
    return table.sql("postgres").split(" AS ")[0] if table is not None else None


def _inserted(tree: exp.Expr, parameter: exp.Parameter) -> exp.Expr | None:
    """The column that an INSERT puts the parameter into."""
    from sqlglot import exp

    row = parameter.find_ancestor(exp.Tuple)
    if not isinstance(tree, exp.Insert) or row is None or not isinstance(tree.this, exp.Schema):
        return None
    position = next((at for at, value in enumerate(row.expressions) if parameter in value.walk()), None)
    if position is None or position >= len(tree.this.expressions):
        return None
    return exp.column(tree.this.expressions[position].name)


def _other_side(parameter: exp.Parameter) -> exp.Expr | None:
    from sqlglot import exp

    node: exp.Expr = parameter
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Predicate | exp.Binary):
        node, parent = parent, parent.parent
    # `$2 + interval '7 days'` stands on one side of a comparison: climb to it.
    while parent is not None and isinstance(parent, exp.Add | exp.Sub) and parent.parent is not None:
        node, parent = parent, parent.parent
    if parent is None:
        return None
    sides = [side for side in (parent.args.get("this"), parent.args.get("expression")) if side is not node]
    return sides[0] if sides and isinstance(sides[0], exp.Expr) and sides[0].find(exp.Column) else None


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
