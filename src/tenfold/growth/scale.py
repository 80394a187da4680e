"""Growths that are told as factors."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tenfold.errors import UsageError, did_you_mean
from tenfold.growth.distinct import distinct_count
from tenfold.growth.rows import rows_today
from tenfold.model.growth import ColumnHint, Growth
from tenfold.model.relations import Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy

#: A shared table with fewer rows, and without a foreign key to a tenant's table, is a lookup.
LOOKUP_ROWS = 1000


def uniform(snapshot: Snapshot, tenancy: Tenancy, factor: float, *, tenants: float = 1.0) -> Growth:
    """All of a product's data, times one factor.

    Tables of tenants and their children have `factor` times the rows, the tenant table `tenants` times.
    Shared tables have `factor` times the rows unless they are lookups, with fewer than 1,000 rows and no
    foreign key to a tenant's table: those stay. What belongs to no class (materialized views) has `factor`
    times the rows. Where there is no tenant table, the tenant columns' distinct values are told to be
    `tenants` times as many. Relations whose rows are not known are not named.

    Raises UsageError for a factor that is not above 0.
    """
    factor, tenants = checked(factor, "factor"), checked(tenants, "factor of tenants")
    today = rows_today(snapshot)
    rows = {
        relation.oid: today[relation.oid] * _factor(snapshot, tenancy, relation, today, factor, tenants)
        for relation in snapshot.relations
        if today.get(relation.oid, 0.0) > 0 and not relation.is_partition
    }
    return Growth(
        rows={oid: count for oid, count in rows.items() if count != today[oid]},
        hints=_tenant_hints(snapshot, tenancy, today, tenants),
    )


def by_table(snapshot: Snapshot, factors: Mapping[tuple[str, str], float]) -> Growth:
    """Named tables, by (schema, name), times a factor each; the others keep their rows.

    Raises UsageError for a table that is not there or has no known rows, and a factor that is not above 0.
    """
    today = rows_today(snapshot)
    rows = {}
    for (schema, name), factor in factors.items():
        relation = snapshot.relation_by_name.get((schema, name))
        if relation is None or relation.oid not in today:
            near = did_you_mean(name, (r.name for r in snapshot.relations if r.oid in today))
            raise UsageError(f"There is no table {schema}.{name} to grow{near}")
        checked(factor, f"factor of {relation.display}")
        if today[relation.oid] == 0 and factor != 1:
            raise UsageError(
                f"{relation.display} has no known rows to multiply; say how many rows it will have."
            )
        if factor != 1:
            rows[relation.oid] = today[relation.oid] * factor
    return Growth(rows=rows)


def checked(factor: float, what: str) -> float:
    """The factor. Raises UsageError where it is not a number above 0."""
    if not math.isfinite(factor) or factor <= 0:
        raise UsageError(f"The {what} must be a number above 0, not {factor:g}.")
    return factor


def _factor(
    snapshot: Snapshot,
    tenancy: Tenancy,
    relation: Relation,
    today: Mapping[int, float],
    factor: float,
    tenants: float,
) -> float:
    part = tenancy.of(relation.oid)
    if relation.oid == tenancy.tenant_table or (part is not None and part.table_class == "tenant_table"):
        return tenants
    if part is None or part.table_class != "shared":
        return factor
    return (
        1.0
        if today[relation.oid] < LOOKUP_ROWS and not _leads_to_tenants(snapshot, tenancy, relation)
        else factor
    )


def _leads_to_tenants(snapshot: Snapshot, tenancy: Tenancy, relation: Relation) -> bool:
    targets = (tenancy.of(key.foreign_relation or 0) for key in snapshot.foreign_keys_of(relation.oid))
    return any(target is not None and target.table_class != "shared" for target in targets)


def _tenant_hints(
    snapshot: Snapshot, tenancy: Tenancy, today: Mapping[int, float], tenants: float
) -> dict[tuple[int, int], ColumnHint]:
    if tenancy.tenant_table is not None or tenants == 1:
        return {}
    hints = {}
    for part in tenancy.tables:
        column = snapshot.column(part.relation, part.column) if part.column else None
        if column is None or part.table_class != "tenant":
            continue
        statistics = snapshot.statistics_of(column.relation, column.number)
        count = distinct_count(statistics, today.get(part.relation, 0.0)) if statistics else 0.0
        if count > 0:
            hints[column.relation, column.number] = ColumnHint(distinct=count * tenants)
    return hints
