"""Holds a scenario against itself and the schema: what it names is there, and what it says can be."""

from __future__ import annotations

import datetime
import math

from tenfold.errors import ScenarioError, did_you_mean
from tenfold.model.relations import Column, Relation
from tenfold.model.scenario import Budgets, ColumnContent, Scenario, TableGrowth, Tenants, rate_of
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.ground import Ground
from tenfold.projection.told import ToldTable, in_order, points_of, told_tables

#: Shares are written with a few digits: their sum may be so much too great.
_ROUNDING = 1e-6
#: Under a greater exponent the second tenant has less than a thousandth of the largest one's rows.
_MOST_ZIPF = 10


def check_scenario(scenario: Scenario, snapshot: Snapshot, tenancy: Tenancy, today: datetime.date) -> None:
    """Raises ScenarioError: one line on what is wrong, and where. `today` is the start where none is told."""
    ground = Ground(snapshot, tenancy)
    points_of(scenario, today)
    _check_tenants(scenario.tenants, ground, scenario.start or today)
    _check_budgets(scenario.budgets)
    told = told_tables(scenario, ground)
    for oid, table in told.items():
        _check_table(table, ground.by_oid[oid], ground, scenario.tenants)
    in_order({oid: table.parent for oid, table in told.items()}, ground)


# --- tenants and budgets ---


def _check_tenants(tenants: Tenants, ground: Ground, start: datetime.date) -> None:
    where = "[tenants]"
    if tenants != Tenants() and ground.tenancy.column is None:
        raise ScenarioError(
            f"{where} is told, and no tenant column was found; name it in tenfold.toml, [tenancy] columns"
        )
    if tenants.count is not None:
        _require_positive(tenants.count, where, "count")
    elif (tenants.growth is not None or tenants.target is not None) and not ground.tenants:
        raise ScenarioError(f"{where} says no count, and the database has no tenant yet; say count")
    _refuse_both(where, "growth", tenants.growth, "target", tenants.target)
    _check_growth(tenants.growth, where)
    if tenants.target is not None:
        _require_positive(tenants.target.count, where, "target.count")
        if tenants.target.date <= start:
            raise ScenarioError(
                f"{where} target.date {tenants.target.date} is not after the start on {start}"
            )
    _refuse_both(where, "largest_share", tenants.largest_share, "zipf", tenants.zipf)
    _check_share(tenants.largest_share, where, "largest_share")
    if tenants.zipf is not None and not 0 <= tenants.zipf <= _MOST_ZIPF:
        raise ScenarioError(f"{where} zipf is {tenants.zipf:g}; it is from 0 to {_MOST_ZIPF}")


def _check_budgets(budgets: Budgets) -> None:
    for kind in budgets.__struct_fields__:
        _require_positive(getattr(budgets, kind), "[budgets]", kind)


# --- tables ---


def _check_table(told: ToldTable, relation: Relation, ground: Ground, tenants: Tenants) -> None:
    table, where = told.growth, f"[tables.{told.name}]"
    _check_columns(table, relation, ground.snapshot, where)
    if relation.oid == ground.tenancy.tenant_table:
        if TableGrowth(columns=table.columns, assumed=table.assumed) != table:
            raise ScenarioError(
                f"{where} has a row a tenant; say how many in [tenants], and here only columns"
            )
        return
    _check_sizes(table, where)
    if table.per is not None:
        _check_per(told, relation, ground, tenants)


def _check_sizes(table: TableGrowth, where: str) -> None:
    if table.rows is not None and not (math.isfinite(table.rows) and table.rows >= 0):
        raise ScenarioError(f"{where} rows is {table.rows:g}; it is a number of rows")
    if table.rows == 0 and table.per is not None and table.monthly is None:
        raise ScenarioError(f"{where} rows is 0 for each row of {table.per}, so it never has one; say more")
    if table.rows == 0 and table.growth is not None and isinstance(table.growth, str):
        raise ScenarioError(f"{where} rows is 0, of which a percentage is nothing; say monthly")
    _check_growth(table.growth, where)
    _refuse_both(where, "growth", table.growth, "monthly", table.monthly)
    if table.monthly is not None:
        _require_positive(table.monthly, where, "monthly")
    if table.retention_days is None:
        return
    _require_positive(table.retention_days, where, "retention_days")
    if table.monthly is None:
        raise ScenarioError(f"{where} has retention_days and no rate; say in monthly how many rows arrive")
    if table.rows is not None:
        raise ScenarioError(f"{where} has rows, which follow from monthly and retention_days; leave rows out")


def _check_per(told: ToldTable, relation: Relation, ground: Ground, tenants: Tenants) -> None:
    table, where = told.growth, f"[tables.{told.name}]"
    if told.parent == relation.oid:
        raise ScenarioError(f"{where} per names the table itself; count it per another, or leave per out")
    if told.per_tenant and ground.tenancy.column is None:
        raise ScenarioError(
            f"{where} per is {table.per!r}, and no tenant column was found; name it in tenfold.toml, "
            "[tenancy] columns"
        )
    if told.per_tenant and tenants.count is None and not ground.tenants:
        raise ScenarioError(f"{where} per is {table.per!r}, and there is no tenant yet; say [tenants] count")
    if table.rows is not None or table.retention_days is not None:
        return
    parents = ground.rows(told.parent) if told.parent is not None else ground.tenants
    if not parents and (table.monthly is None or ground.rows(relation.oid)):
        raise ScenarioError(
            f"{where} says no rows, and {table.per} has none today to count them for; say rows"
        )
    if not ground.rows(relation.oid) and table.monthly is None:
        raise ScenarioError(f"{where} says no rows, and it has none today; say rows, or monthly")


# --- columns ---


def _check_columns(table: TableGrowth, relation: Relation, snapshot: Snapshot, where: str) -> None:
    columns = {column.name: column for column in snapshot.columns_of(relation.oid)}
    for name, content in table.columns.items():
        if name not in columns:
            hint = did_you_mean(name, columns, 0.6) or "; correct the name"
            raise ScenarioError(f"{where} columns names {name!r}, and there is no such column{hint}")
        _check_content(content, columns[name], snapshot, f"{where[:-1]}.columns.{name}]")


def _check_content(content: ColumnContent, column: Column, snapshot: Snapshot, where: str) -> None:
    if content.distinct is not None:
        _require_positive(content.distinct, where, "distinct")
        if content.distinct < len(content.values):
            raise ScenarioError(f"{where} distinct is {content.distinct:g}, and values names more")
    if content.null_share is not None and not 0 <= content.null_share <= 1:
        raise ScenarioError(f"{where} null_share is {content.null_share:g}; it is from 0 to 1")
    if content.null_share and column.not_null:
        raise ScenarioError(f"{where} null_share is {content.null_share:g}, and the column is NOT NULL")
    _check_values(content, column, snapshot, where)
    low, high = content.low, content.high
    if isinstance(low, int | float) and isinstance(high, int | float) and not low <= high:
        raise ScenarioError(f"{where} low is {low} and high is {high}; exchange them")


def _check_values(content: ColumnContent, column: Column, snapshot: Snapshot, where: str) -> None:
    for value, share in content.values.items():
        if not 0 < share <= 1:
            raise ScenarioError(
                f"{where} values gives {value!r} a share of {share:g}; it is above 0, at most 1"
            )
    total = math.fsum(content.values.values()) + (content.null_share or 0.0)
    if total > 1 + _ROUNDING:
        of_what = "values and nulls" if content.null_share else "values"
        raise ScenarioError(f"{where} {of_what} have {total:g} of the rows; that is more than all")
    type_ = snapshot.type_by_oid.get(column.type_oid)
    for value in content.values if type_ is not None and type_.labels else ():
        labels = type_.labels if type_ is not None and type_.labels else ()
        if value not in labels:
            hint = did_you_mean(value, labels) or f"; it has {', '.join(labels)}"
            raise ScenarioError(f"{where} values names {value!r}, which is no {column.type}{hint}")


# --- numbers ---


def _check_growth(growth: float | str | None, where: str) -> None:
    rate = rate_of(growth)
    if rate is None:
        return
    if not math.isfinite(rate.amount):
        raise ScenarioError(f"{where} growth is {growth}; it is a number of rows or a percentage")
    if rate.is_share and rate.amount <= -1:
        raise ScenarioError(f"{where} growth is {growth}, which leaves nothing; a loss is below 100%")


def _check_share(share: float | None, where: str, key: str) -> None:
    if share is not None and not 0 < share <= 1:
        raise ScenarioError(f"{where} {key} is {share:g}; it is above 0, at most 1")


def _require_positive(value: float, where: str, key: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ScenarioError(f"{where} {key} is {value:g}; it must be above 0")


def _refuse_both(where: str, one: str, first: object, other: str, second: object) -> None:
    if first is not None and second is not None:
        raise ScenarioError(f"{where} says both {one} and {other}; keep one")
