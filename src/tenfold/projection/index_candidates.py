"""Indexes that a statement could use, by its shape: the tenant, what is compared, then what it is ordered by.
Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit
from tenfold.model.relations import Column, Index
from tenfold.model.remedy import CreateIndex, Key, Table
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.statements.shape import Shape, TableUse

#: Tried for one query.
MOST = 3
# Types without an order of their own.
_UNORDERED = frozenset({"json", "jsonb", "xml", "point", "polygon", "box", "circle", "line", "lseg", "path"})
_MOST_KEYS = 4


def candidates(
    shape: Shape, snapshot: Snapshot, tenancy: Tenancy, *, bound: frozenset[int] = frozenset()
) -> tuple[CreateIndex, ...]:
    """At most `MOST`, those on the largest table of the statement first; none that is there already.

    `bound` are the tables whose rows a policy holds to one tenant, whether or not the statement says so.
    """
    relations = snapshot.relation_by_oid
    uses = [use for use in shape.uses if use.access != "insert" and relations[use.relation].is_table]
    uses.sort(key=lambda use: -snapshot.rows_of(use.relation))
    found: dict[tuple[int, tuple[Key, ...]], CreateIndex] = {}
    for use in uses:
        for keys in _keys(use, snapshot, tenancy, use.relation in bound):
            if keys and not _is_there(keys, use.relation, snapshot):
                found.setdefault((use.relation, keys), _remedy(use.relation, keys, snapshot))
    return tuple(found.values())[:MOST]


def _keys(use: TableUse, snapshot: Snapshot, tenancy: Tenancy, bound: bool) -> Iterator[tuple[Key, ...]]:
    """Equality first, since only the last key that is used may be a range (or an order)."""
    table = tenancy.of(use.relation)
    tenant = table.column if table is not None and table.table_class == "tenant" else None
    equal = {name for name in use.equal if _can_be_key(snapshot.column(use.relation, name))}
    if bound and tenant is not None:
        equal.add(tenant)
    leading = tuple(Key(column=name) for name in _ordered(equal, tenant, use.relation, snapshot))
    order = tuple(
        Key(column=key.column, descending=key.descending, nulls_first=key.nulls_first) for key in use.order
    )
    order = (
        order if all(_can_be_key(snapshot.column(use.relation, key.column or "")) for key in order) else ()
    )
    order = tuple(key for key in order if key.column not in equal)
    ranged = [name for name in sorted(use.ranged - equal) if _can_be_key(snapshot.column(use.relation, name))]
    listed = [name for name in sorted(use.listed - equal) if _can_be_key(snapshot.column(use.relation, name))]
    joined = [name for name in sorted(use.joined - equal) if _can_be_key(snapshot.column(use.relation, name))]
    if order and use.limited:
        yield (*leading, *order)[:_MOST_KEYS]
    for name in (*ranged[:1], *listed[:1]):
        yield (*leading, Key(column=name))[:_MOST_KEYS]
    if leading:
        yield leading[:_MOST_KEYS]
    for name in joined[:1]:
        without = tuple(key for key in leading if key.column == tenant)
        yield (*without, Key(column=name))


def _ordered(equal: set[str], tenant: str | None, relation: int, snapshot: Snapshot) -> list[str]:
    """The tenant first: it is in nearly every query of the table. Then what tells most rows apart."""

    def place(name: str) -> tuple[bool, float, str]:
        column = snapshot.column(relation, name)
        known = snapshot.statistics_of(relation, column.number) if column is not None else None
        distinct = known.n_distinct if known is not None else 0.0
        count = distinct if distinct >= 0 else -distinct * snapshot.rows_of(relation)
        return (name != tenant, -count, name)

    return sorted(equal, key=place)


def _can_be_key(column: Column | None) -> bool:
    return column is not None and column.type_category != "A" and column.type.lower() not in _UNORDERED


def _is_there(keys: tuple[Key, ...], relation: int, snapshot: Snapshot) -> bool:
    names = [key.column for key in keys]
    return any(_begins(index, names, relation, snapshot) for index in snapshot.indexes_of(relation))


def _begins(index: Index, names: list[str | None], relation: int, snapshot: Snapshot) -> bool:
    if index.method != "btree" or index.predicate is not None or not index.valid or 0 in index.key_columns:
        return False
    return list(snapshot.column_names(relation, index.key_columns))[: len(names)] == names


def _remedy(oid: int, keys: tuple[Key, ...], snapshot: Snapshot) -> CreateIndex:
    relation = snapshot.relation_by_oid[oid]
    index = CreateIndex(table=Table(relation.schema, relation.name), keys=keys)
    taken = frozenset(each.name for each in snapshot.indexes) | frozenset(r.name for r in snapshot.relations)
    return CreateIndex(table=index.table, keys=keys, name=fit(index.index_name, taken))
