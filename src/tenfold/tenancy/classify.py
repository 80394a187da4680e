"""Which part each table plays: the tenant's own table, a tenant table, a child of one, or shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.tenancy import TableClass, TableTenancy
from tenfold.tenancy.ground import Ground

_TOLD = "the configuration says so"


def classify(
    ground: Ground,
    columns: Sequence[str],
    root: Relation | None,
    root_column: Column | None,
    told: Mapping[int, TableClass],
) -> tuple[TableTenancy, ...]:
    """One part a table, in catalog order. `told` holds classes that the configuration names, by oid."""
    parts: dict[int, TableTenancy] = {}
    for table in ground.tables:
        if told.get(table.oid, "tenant") in ("tenant", "tenant_table"):
            part = _own_part(ground, table, columns, root, root_column)
            if part is not None:
                parts[table.oid] = part
    shared = {oid for oid, table_class in told.items() if table_class == "shared"}
    _add_children(ground, parts, shared, {oid for oid in told if told[oid] == "child"})
    return tuple(parts.get(table.oid) or _left(table, told.get(table.oid)) for table in ground.tables)


def _own_part(
    ground: Ground, table: Relation, columns: Sequence[str], root: Relation | None, root_column: Column | None
) -> TableTenancy | None:
    if root is not None and table.oid == root.oid:
        key = root_column.name if root_column else None
        return TableTenancy(table.oid, "tenant_table", "one row a tenant", key)
    for name in columns:
        if ground.snapshot.column(table.oid, name) is not None:
            return TableTenancy(table.oid, "tenant", f"has {name}", name)
    if root is None:
        return None
    # One key of its own to the tenant table is the tenant column by another name, unless it is a preference
    # that may be missing; of two, such as of a transfer between tenants, neither is.
    leading = [
        ground.snapshot.column_by_number[key.relation, key.columns[0]]
        for key in ground.snapshot.constraints_of(table.oid)
        if key.kind == "f" and key.foreign_relation == root.oid and len(key.columns) == 1
    ]
    if len(leading) == 1 and leading[0].not_null:
        why = f"its {leading[0].name} leads to {root.display}"
        return TableTenancy(table.oid, "tenant", why, leading[0].name)
    return None


def _left(table: Relation, told: TableClass | None) -> TableTenancy:
    if told is not None:
        return TableTenancy(table.oid, told, _TOLD)
    return TableTenancy(table.oid, "shared", "no tenant column, no way to one")


def _add_children(ground: Ground, parts: dict[int, TableTenancy], shared: set[int], told: set[int]) -> None:
    """Marks every table from which foreign keys lead to a tenant table: by sure ways, then by unsure ones.

    A nullable key counts where it says whose the row is, not where it states a preference: `users` with their
    last project stay shared, a comment on either a post or a task is a child.
    """
    tenant = frozenset(parts)
    seen = {*parts, *shared}
    fresh = sorted(parts)
    while fresh:
        below = ground.descend(fresh, seen)
        unsure = _unsure_children(ground, [*fresh, *below], parts, seen, tenant)
        for relation, key in (*below.items(), *unsure.items()):
            parts[relation] = _child(ground, parts, relation, key, told)
        fresh = list(unsure)


def _unsure_children(
    ground: Ground,
    parents: Sequence[int],
    parts: Mapping[int, TableTenancy],
    seen: set[int],
    tenant: frozenset[int],
) -> dict[int, Constraint]:
    found: dict[int, Constraint] = {}
    for parent in parents:
        if parent in parts and parts[parent].table_class == "tenant_table":
            continue
        for key in ground.ways.get(parent, ()):
            if (
                key.relation not in seen
                and key.on_delete != "n"
                and not _is_named_by(ground, key.relation, tenant)
            ):
                seen.add(key.relation)
                found[key.relation] = key
    return found


def _is_named_by(ground: Ground, relation: int, tenant: frozenset[int]) -> bool:
    """Whether a tenant table refers to it, as to the user who made a row."""
    return any(key.relation in tenant for key in ground.ways.get(relation, ()))


def _child(
    ground: Ground, parts: Mapping[int, TableTenancy], relation: int, key: Constraint, told: set[int]
) -> TableTenancy:
    above = parts[key.foreign_relation or 0]
    why = f"{key.name} leads to {ground.by_oid[above.relation].display}"
    if relation in told:
        why = f"{_TOLD}; {why}"
    return TableTenancy(relation, "child", why, None, (key.oid, *above.path))
