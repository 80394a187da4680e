"""Finds the tenant column, the tenant table and each table's part, by evidence or as the configuration says.

`candidates` says which columns are believed, `classify` which part each table plays; here they are put
together, and what the configuration says is checked against the database.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from tenfold.errors import ConfigError
from tenfold.model.config import TenancyConfig
from tenfold.model.relations import Column, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableClass, TableTenancy, Tenancy
from tenfold.tenancy.candidates import Candidate, believed, candidates, reach
from tenfold.tenancy.classify import classify
from tenfold.tenancy.ground import Ground
from tenfold.tenancy.names import CERTAIN, LIKELY, OTHER, same_meaning

# Of two columns, one is inside the other's only where the outer one is on at least this share of its tables.
_OUTER_SHARE = 0.5


def find_tenancy(
    snapshot: Snapshot, config: TenancyConfig = TenancyConfig(), *, exclude_schemas: Collection[str] = ()
) -> Tenancy:
    """The tenancy of a database. `Tenancy.column` is None where nothing was told and nothing was found.

    Raises ConfigError where the configuration names a table or column that is not there, or contradicts
    itself.
    """
    ground = Ground.of(snapshot, exclude_schemas)
    told = {_named(ground, name, "classes").oid: part for name, part in config.classes.items()}
    told_root = _told_root(ground, config, told)
    found = candidates(ground, config.columns, told_root.oid if told_root else None)
    best = _choose(ground, found, config.columns, told_root)
    setting = _setting(config, best)
    if best is None:
        _refuse_tenants_without_column(ground, told, ())
        return Tenancy(
            setting=setting, application_role=config.application_role, tables=_all_shared(ground, told)
        )
    root = told_root or (ground.by_oid[best.table] if best.table is not None else None)
    root_column = _root_column(snapshot, best, root)
    columns = _by_frequency(found, config.columns) or _aliases(found, best, root)
    tables = classify(ground, columns, root, root_column, told)
    _refuse_tenants_without_column(ground, told, tables)
    return Tenancy(
        column=best.column,
        columns=columns,
        column_type=_commonest_type(ground, best.column),
        tenant_table=root.oid if root else None,
        tenant_key=root_column.name if root_column else None,
        setting=setting,
        application_role=config.application_role,
        tables=tables,
        evidence=_evidence(ground, best, root, told=bool(config.columns)),
    )


# --- which column ---


def _choose(
    ground: Ground, found: dict[str, Candidate], told: Sequence[str], told_root: Relation | None
) -> Candidate | None:
    if told:
        absent = [name for name in told if name not in found]
        if absent:
            raise ConfigError(
                f"[tenancy] columns names {', '.join(absent)}, which no table has; correct it or leave it out"
            )
        return max((found[name] for name in told), key=lambda candidate: len(candidate.holders))
    if told_root is not None:
        return _leading_to(found, told_root)
    trusted = believed(ground, found.values())
    # Of an organization and its teams, the tenant is the organization: the one that is not inside another.
    outermost = [one for one in trusted if not any(_is_inside(ground, one, other) for other in trusted)]
    return max(outermost or trusted, key=_strength, default=None)


def _strength(candidate: Candidate) -> tuple[float, str]:
    return candidate.score, candidate.column


def _leading_to(found: dict[str, Candidate], root: Relation) -> Candidate:
    """The column that most keys to the told tenant table have, or else one that is called like it."""
    leading = [candidate for candidate in found.values() if candidate.table == root.oid]
    if not leading:
        raise ConfigError(
            f"[tenancy] tells {root.display} the tenant table, and no foreign key leads to it; "
            "name the column in columns"
        )
    return max(leading, key=lambda each: (each.foreign_keys, len(each.holders), each.column))


def _is_inside(ground: Ground, inner: Candidate, outer: Candidate) -> bool:
    """Whether what one column refers to belongs to what the other refers to."""
    if outer is inner or outer.likelihood < LIKELY or inner.table is None or inner.table == outer.table:
        return False
    return ground.snapshot.column(inner.table, outer.column) is not None and len(
        outer.holders
    ) >= _OUTER_SHARE * len(inner.holders)


def _aliases(found: dict[str, Candidate], best: Candidate, root: Relation | None) -> tuple[str, ...]:
    """The column's other names: `org_id` beside `organization_id`, where both lead to the same table."""
    others = [
        candidate.column
        for candidate in found.values()
        if candidate is not best
        and root is not None
        and (
            (candidate.foreign_keys and candidate.table == root.oid and candidate.likelihood > OTHER)
            or (not candidate.foreign_keys and same_meaning(candidate.column, best.column))
        )
    ]
    return (best.column, *_by_frequency(found, others))


def _by_frequency(found: dict[str, Candidate], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (-len(found[name].holders), name)))


def _commonest_type(ground: Ground, name: str) -> str | None:
    types = Counter(
        column.type
        for table in ground.tables
        if (column := ground.snapshot.column(table.oid, name)) is not None
    )
    return types.most_common(1)[0][0] if types else None


# --- which table ---


def _root_column(snapshot: Snapshot, best: Candidate, root: Relation | None) -> Column | None:
    if root is None:
        return None
    if best.table == root.oid and best.key is not None:
        return snapshot.column_by_number[root.oid, best.key]
    for constraint in snapshot.constraints_of(root.oid):
        if constraint.kind == "p" and len(constraint.columns) == 1:
            return snapshot.column_by_number[root.oid, constraint.columns[0]]
    return None


# --- what the configuration says ---


def _named(ground: Ground, name: str, key: str) -> Relation:
    named = [table for table in ground.tables if name == f"{table.schema}.{table.name}"]
    named = named or [table for table in ground.tables if name == table.name]
    if not named:
        raise ConfigError(f"[tenancy] {key} names {name!r}, and there is no such table; correct the name")
    if len(named) > 1:
        schemas = ", ".join(sorted(table.schema for table in named))
        raise ConfigError(f"[tenancy] {key} names {name!r}, which is in {schemas}; write schema.name")
    return named[0]


def _told_root(ground: Ground, config: TenancyConfig, told: dict[int, TableClass]) -> Relation | None:
    roots = [oid for oid, part in told.items() if part == "tenant_table"]
    if config.tenant_table is not None:
        roots.insert(0, _named(ground, config.tenant_table, "tenant_table").oid)
    if len(set(roots)) > 1:
        names = ", ".join(ground.by_oid[oid].display for oid in roots)
        raise ConfigError(f"[tenancy] tells {len(set(roots))} tenant tables, {names}; there is one")
    if roots and told.get(roots[0], "tenant_table") != "tenant_table":
        raise ConfigError(
            f"[tenancy] tells {ground.by_oid[roots[0]].display} the tenant table and in classes another part"
        )
    return ground.by_oid[roots[0]] if roots else None


def _setting(config: TenancyConfig, best: Candidate | None) -> str:
    if config.setting is None:
        return "app." + re.sub(r"\W", "_", best.column) if best else Tenancy().setting
    # guc.c: a name of one's own has a prefix, and each part is an identifier.
    if not re.fullmatch(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)+", config.setting):
        raise ConfigError(f"[tenancy] setting {config.setting!r} is no name such as app.tenant_id")
    return config.setting


def _refuse_tenants_without_column(
    ground: Ground, told: dict[int, TableClass], tables: Sequence[TableTenancy]
) -> None:
    known = {table.relation for table in tables if table.column is not None}
    for oid, part in told.items():
        if part == "tenant" and oid not in known:
            raise ConfigError(
                f"[tenancy] classes tells {ground.by_oid[oid].display} a tenant table, and it has no tenant "
                "column; name the column in columns, or tell it child or shared"
            )


def _all_shared(ground: Ground, told: dict[int, TableClass]) -> tuple[TableTenancy, ...]:
    return tuple(
        TableTenancy(table.oid, told[table.oid], "the configuration says so")
        if table.oid in told
        else TableTenancy(table.oid, "shared", "no tenant column was found")
        for table in ground.tables
    )


# --- why ---


def _evidence(ground: Ground, best: Candidate, root: Relation | None, *, told: bool) -> tuple[str, ...]:
    reasons = ["the configuration names it"] if told else []
    reasons.append(f"{best.column} is on {len(best.holders)} of {len(ground.tables)} tables")
    if best.foreign_keys and root is not None and best.table == root.oid:
        reasons.append(f"{best.foreign_keys} foreign keys lead from it to {root.display}")
    elif root is not None:
        reasons.append(f"{root.display} has the name that goes with it")
    if best.likelihood == CERTAIN:
        reasons.append("its name is one that tenant columns have")
    else:
        reasons.append(f"{reach(ground, best):.0%} of the tables belong to it")
    return tuple(reasons)
