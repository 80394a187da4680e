"""Finds the tenant column, the tenant table and each table's part, by evidence or as the configuration says.

A column is believed to carry the tenant by its name, by how many tables have it, and by foreign keys that all
lead to one table. A child table is found by walking foreign keys up from it until a tenant table is met.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from tenfold.errors import ConfigError
from tenfold.model.config import TenancyConfig
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.tenancy.names import likelihood, stem, table_names

#: Least score that makes a column the tenant column without being told, and fewest tables that must have it.
LEAST_SCORE = 0.15
FEWEST_TABLES = 2

# Types that a tenant's key has in practice.
_KEY_TYPES = frozenset({"bigint", "integer", "smallint", "uuid", "text"})


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    column: str
    tables: int
    #: Where most of its foreign keys lead: the table, the referred column, and how many do.
    target: int | None
    target_column: int | None
    foreign_keys: int
    score: float


def find_tenancy(
    snapshot: Snapshot, config: TenancyConfig = TenancyConfig(), *, exclude_schemas: Collection[str] = ()
) -> Tenancy:
    """The tenancy of a database. `Tenancy.column` is None where nothing was told and nothing was found.

    Raises ConfigError where the configuration names a table or column that is not there.
    """
    tables = tuple(
        relation
        for relation in snapshot.relations
        if relation.is_table
        and not relation.is_partition
        and relation.extension is None
        and relation.schema not in exclude_schemas
    )
    candidates = _candidates(snapshot, tables, config.columns)
    best = _choose(snapshot, candidates, config.columns)
    if best is None:
        return Tenancy(application_role=config.application_role, tables=_all_shared(tables, config))
    root, root_column = _tenant_table(snapshot, tables, best, config)
    columns = config.columns or _aliases(candidates, best, root)
    classified = _classify(snapshot, tables, columns, root, root_column, config)
    return Tenancy(
        column=best.column,
        columns=columns,
        column_type=_commonest_type(snapshot, tables, best.column),
        tenant_table=root.oid if root else None,
        tenant_key=root_column.name if root_column else None,
        setting=config.setting or f"app.{best.column}",
        application_role=config.application_role,
        tables=classified,
        evidence=_evidence(best, len(tables), root, told=bool(config.columns)),
    )


# --- which column ---


def _candidates(
    snapshot: Snapshot, tables: Sequence[Relation], told: Collection[str]
) -> dict[str, _Candidate]:
    judged = {table.oid for table in tables}
    counts: Counter[str] = Counter()
    wanted: set[tuple[int, int]] = set()
    for column in snapshot.columns:
        if column.relation not in judged or not _could_carry(column, told):
            continue
        counts[column.name] += 1
        wanted.add((column.relation, column.number))
    targets: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for key in _foreign_keys(snapshot, judged):
        # The tenant's part of a composite key leads to the column there, not to its key: lone ones count.
        if len(key.columns) == 1 and (key.relation, key.columns[0]) in wanted and key.foreign_columns:
            name = snapshot.column_by_number[key.relation, key.columns[0]].name
            targets[name][key.foreign_relation or 0, key.foreign_columns[0]] += 1
    return {
        name: _candidate(name, count, len(tables), targets[name], told=name in told)
        for name, count in counts.items()
    }


def _could_carry(column: Column, told: Collection[str]) -> bool:
    if column.name in told:
        return True
    type_name = column.type.partition("(")[0]
    return (type_name in _KEY_TYPES or type_name.startswith("character")) and stem(column.name) is not None


def _candidate(
    name: str, count: int, total: int, targets: Counter[tuple[int, int]], *, told: bool
) -> _Candidate:
    (target, target_column), foreign_keys = targets.most_common(1)[0] if targets else ((None, None), 0)
    # Half of the belief is the name's, half is earned by foreign keys that agree on one table.
    agreement = foreign_keys / count
    score = 1.0 if told else likelihood(name) * (count / total) * (0.5 + 0.5 * agreement)
    return _Candidate(
        column=name,
        tables=count,
        target=target,
        target_column=target_column,
        foreign_keys=foreign_keys,
        score=score,
    )


def _choose(snapshot: Snapshot, candidates: dict[str, _Candidate], told: Sequence[str]) -> _Candidate | None:
    if told:
        found = [candidates[name] for name in told if name in candidates]
        if not found:
            raise ConfigError(
                f"[tenancy] columns names {', '.join(told)}, which no table has; correct it or leave it out"
            )
        return max(found, key=lambda candidate: candidate.tables)
    believed = [
        candidate
        for candidate in candidates.values()
        if candidate.tables >= FEWEST_TABLES and candidate.score >= LEAST_SCORE
    ]
    # Of an organization and its teams, the tenant is the organization: the one that is not inside another.
    outermost = [
        candidate
        for candidate in believed
        if not any(
            other is not candidate
            and likelihood(other.column) == 1.0
            and other.target != candidate.target
            and candidate.target is not None
            and snapshot.column(candidate.target, other.column) is not None
            for other in believed
        )
    ]
    return max(outermost or believed, key=lambda candidate: (candidate.score, candidate.column), default=None)


def _aliases(candidates: dict[str, _Candidate], best: _Candidate, root: Relation | None) -> tuple[str, ...]:
    """The column's other names: `org_id` beside `organization_id`, where both lead to the same table."""
    others = [
        candidate
        for candidate in candidates.values()
        if candidate is not best
        and root is not None
        and candidate.target == root.oid
        and likelihood(candidate.column) >= 0.6
    ]
    others.sort(key=lambda candidate: (-candidate.tables, candidate.column))
    return (best.column, *(candidate.column for candidate in others))


# --- which table ---


def _tenant_table(
    snapshot: Snapshot, tables: Sequence[Relation], best: _Candidate, config: TenancyConfig
) -> tuple[Relation | None, Column | None]:
    root: Relation | None
    if config.tenant_table is not None:
        root = _named(tables, config.tenant_table, "tenant_table")
    elif best.target is not None:
        root = snapshot.relation_by_oid[best.target]
    else:
        by_name = {table.name.lower(): table for table in tables}
        root = next((by_name[name] for name in table_names(best.column) if name in by_name), None)
    if root is None:
        return None, None
    if best.target == root.oid and best.target_column is not None:
        return root, snapshot.column_by_number[root.oid, best.target_column]
    return root, _lone_primary_key(snapshot, root)


def _lone_primary_key(snapshot: Snapshot, relation: Relation) -> Column | None:
    for constraint in snapshot.constraints_of(relation.oid):
        if constraint.kind == "p" and len(constraint.columns) == 1:
            return snapshot.column_by_number[relation.oid, constraint.columns[0]]
    return None


def _named(tables: Iterable[Relation], name: str, key: str) -> Relation:
    for table in tables:
        if name in (table.name, f"{table.schema}.{table.name}"):
            return table
    raise ConfigError(f"[tenancy] {key} names {name!r}, and there is no such table; correct the name")


# --- which part each table plays ---


def _classify(
    snapshot: Snapshot,
    tables: Sequence[Relation],
    columns: Sequence[str],
    root: Relation | None,
    root_column: Column | None,
    config: TenancyConfig,
) -> tuple[TableTenancy, ...]:
    told = _told_classes(tables, config)
    parts: dict[int, TableTenancy] = {}
    for table in tables:
        part = _own_part(snapshot, table, columns, root, root_column)
        if part is not None:
            parts[table.oid] = part
    parts.update(
        {oid: part for oid, part in told.items() if part.table_class != "tenant" or oid not in parts}
    )
    _add_children(snapshot, tables, parts)
    return tuple(
        parts.get(table.oid) or TableTenancy(table.oid, "shared", "no tenant column, no way to one")
        for table in tables
    )


def _own_part(
    snapshot: Snapshot,
    table: Relation,
    columns: Sequence[str],
    root: Relation | None,
    root_column: Column | None,
) -> TableTenancy | None:
    if root is not None and table.oid == root.oid:
        key = root_column.name if root_column else None
        return TableTenancy(table.oid, "tenant_table", "one row a tenant", key)
    for name in columns:
        if snapshot.column(table.oid, name) is not None:
            return TableTenancy(table.oid, "tenant", f"has {name}", name)
    return None


def _told_classes(tables: Sequence[Relation], config: TenancyConfig) -> dict[int, TableTenancy]:
    return {
        (table := _named(tables, name, "classes")).oid: TableTenancy(
            table.oid, table_class, "the configuration says so"
        )
        for name, table_class in config.classes.items()
    }


def _all_shared(tables: Sequence[Relation], config: TenancyConfig) -> tuple[TableTenancy, ...]:
    told = _told_classes(tables, config)
    return tuple(
        told.get(table.oid) or TableTenancy(table.oid, "shared", "no tenant column was found")
        for table in tables
    )


def _add_children(snapshot: Snapshot, tables: Sequence[Relation], parts: dict[int, TableTenancy]) -> None:
    """Marks every table from which foreign keys lead to a tenant table, nearest first, sure ways first.

    A nullable key straight to the tenant table is a preference, such as a user's default team, and no way.
    """
    judged = {table.oid for table in tables}
    ways: defaultdict[int, list[Constraint]] = defaultdict(list)
    for key in _foreign_keys(snapshot, judged):
        if key.foreign_relation != key.relation:
            ways[key.foreign_relation or 0].append(key)
    reached = {oid for oid, part in parts.items() if part.table_class in ("tenant", "tenant_table", "child")}
    frontier = sorted(reached)
    while frontier:
        found: dict[int, tuple[bool, Constraint]] = {}
        for parent in frontier:
            for key in ways[parent]:
                sure = _is_sure(snapshot, key)
                to_root = parts[parent].table_class == "tenant_table"
                if key.relation in parts or (to_root and not sure):
                    continue
                known = found.get(key.relation)
                if known is None or (sure and not known[0]):
                    found[key.relation] = (sure, key)
        for relation, (_, key) in sorted(found.items()):
            above = parts[key.foreign_relation or 0]
            why = f"{key.name} leads to {snapshot.relation_by_oid[above.relation].display}"
            parts[relation] = TableTenancy(relation, "child", why, None, (key.oid, *above.path))
        frontier = sorted(found)


def _is_sure(snapshot: Snapshot, key: Constraint) -> bool:
    """Whether every row has a parent: the key's columns are NOT NULL, or the parent takes the row with it."""
    return key.on_delete == "c" or all(
        snapshot.column_by_number[key.relation, number].not_null for number in key.columns
    )


def _foreign_keys(snapshot: Snapshot, judged: Collection[int]) -> Iterable[Constraint]:
    return (
        constraint
        for constraint in snapshot.constraints
        if constraint.kind == "f"
        and constraint.parent is None
        and constraint.relation in judged
        and constraint.foreign_relation in judged
    )


# --- why ---


def _commonest_type(snapshot: Snapshot, tables: Sequence[Relation], name: str) -> str | None:
    types = Counter(
        column.type for table in tables if (column := snapshot.column(table.oid, name)) is not None
    )
    return types.most_common(1)[0][0] if types else None


def _evidence(best: _Candidate, total: int, root: Relation | None, *, told: bool) -> tuple[str, ...]:
    reasons = ["the configuration names it"] if told else []
    reasons.append(f"{best.column} is on {best.tables} of {total} tables")
    if best.foreign_keys and root is not None:
        reasons.append(f"{best.foreign_keys} foreign keys lead from it to {root.display}")
    elif root is not None:
        reasons.append(f"{root.display} has the name that goes with it")
    if likelihood(best.column) == 1.0:
        reasons.append("its name is one that tenant columns have")
    return tuple(reasons)
