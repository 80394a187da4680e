"""Values for a statement's `$n`, drawn from statistics: what a typical call would pass. Pure.

A value for `=` is one that the middle row has, when rows are ordered from the commonest value to the rarest;
a bound for `>` leaves the last tenth of the histogram, one for `<` the first tenth. The tenant is given.
A redacted snapshot has no values to draw from, but the twin makes some up: those are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.model.ddl import array, qualified
from tenfold.model.relations import Column, ColumnStatistics, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.statements.compared import Compared, compared
from tenfold.twin.made_up import made_up_value, with_made_up_values

#: Rows that a page of results is taken to have, and members of a list.
LIMIT, MEMBERS = 50, 10
_TAIL = 0.1
_PREFIX = 3


def sample_parameters(
    snapshot: Snapshot,
    tenancy: Tenancy,
    statement: str,
    tenant: str | None,
    *,
    wanted: Mapping[int, Compared] | None = None,
) -> tuple[str | None, ...] | None:
    """One value a parameter, in text form; None where one of them has nothing to be drawn from.

    `wanted` is `compared(statement)`, for whoever asks at many sizes and reads the statement once.
    """
    wanted = compared(statement) if wanted is None else wanted
    values = {number: _value(snapshot, tenancy, met, tenant) for number, met in wanted.items()}
    numbers = range(1, max(wanted, default=0) + 1)
    if any(values.get(number) is None for number in numbers):
        return None
    return tuple(values[number] for number in numbers)


def largest_tenant(snapshot: Snapshot, tenancy: Tenancy) -> str | None:
    """The tenant with most rows of the largest tenant table whose statistics name tenants."""
    best: tuple[float, str] | None = None
    for table in tenancy.tables:
        column = snapshot.column(table.relation, table.column) if table.column else None
        if column is None or table.table_class == "shared":
            continue
        rows = snapshot.relation_by_oid[table.relation].rows
        statistics = snapshot.statistics_of(table.relation, column.number)
        value = _common(statistics) if statistics is not None else None
        if value is not None and snapshot.redacted:
            value = made_up_value(snapshot, column, value)
        if value is not None and (best is None or rows > best[0]):
            best = (rows, value)
    return best[1] if best else None


def relation_named(snapshot: Snapshot, name: str) -> Relation | None:
    """The relation that a statement means by a name, with or without its schema."""
    schema, _, bare = name.rpartition(".")
    candidates = snapshot.relations_named.get(bare.strip('"'), ())
    if schema:
        candidates = tuple(found for found in candidates if found.schema == schema.strip('"'))
    return min(
        candidates, key=lambda found: (found.schema != "public", qualified(found.schema)), default=None
    )


def _value(snapshot: Snapshot, tenancy: Tenancy, met: Compared, tenant: str | None) -> str | None:
    if met.meeting == "limit":
        return str(LIMIT)
    if met.meeting == "offset":
        return "0"
    name = met.column
    if name is None or met.table is None:
        return None
    if name in tenancy.columns and tenant is not None:
        return array([tenant]) if met.meeting == "any" else tenant
    relation = relation_named(snapshot, met.table)
    column = snapshot.column(relation.oid, name) if relation is not None else None
    if column is None:
        return None
    statistics = snapshot.statistics_of(column.relation, column.number)
    if statistics is not None and snapshot.redacted:
        statistics = with_made_up_values(snapshot, (statistics,))[0]
    return _drawn(met, column, statistics)


def _drawn(met: Compared, column: Column, statistics: ColumnStatistics | None) -> str | None:
    if column.type == "boolean" and statistics is None:
        return "true"
    if statistics is None:
        return None
    match met.meeting:
        case "above":
            return _quantile(statistics, 1 - _TAIL)
        case "below":
            return _quantile(statistics, _TAIL)
        case "like":
            value = _typical(statistics)
            return f"{value[:_PREFIX]}%" if value else None
        case "any":
            values = _several(statistics)
            return array(values) if values else None
        case "equal" | "written":
            return _typical(statistics)
        case _:
            return None


def _typical(statistics: ColumnStatistics) -> str | None:
    """The value of the middle row."""
    reached = 0.0
    middle = (1 - statistics.null_frac) / 2
    pairs = zip(statistics.common_values or (), statistics.common_frequencies or (), strict=True)
    for value, frequency in pairs:
        reached += frequency
        if reached >= middle:
            return value
    return _quantile(statistics, 0.5) or _common(statistics)


def _common(statistics: ColumnStatistics) -> str | None:
    return statistics.common_values[0] if statistics.common_values else None


def _quantile(statistics: ColumnStatistics, share: float) -> str | None:
    bounds = statistics.histogram
    if not bounds:
        return _common(statistics)
    return bounds[round(share * (len(bounds) - 1))]


def _several(statistics: ColumnStatistics) -> list[str]:
    values = list(statistics.common_values or ())[:MEMBERS]
    bounds = statistics.histogram or ()
    if len(values) < MEMBERS and bounds:
        step = max(1, len(bounds) // MEMBERS)
        values += bounds[::step][: MEMBERS - len(values)]
    return values
