"""What growth starts from: the tables, their rows today, the tenants, and which table each one hangs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import msgspec

from tenfold.errors import ScenarioError, did_you_mean
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.tenancy import ground as keys

#: Share of rows without a parent from which a nullable key is a preference and makes no child.
_FEW_ORPHANS = 0.2


class Ground(msgspec.Struct, frozen=True, dict=True):
    snapshot: Snapshot
    tenancy: Tenancy

    # --- tables ---

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """What can grow: tables, partitioned ones as a whole, and materialized views; not an extension's."""
        return tuple(
            relation
            for relation in self.snapshot.relations
            if (relation.is_table or relation.kind == "m")
            and not relation.is_partition
            and relation.extension is None
        )

    @cached_property
    def by_oid(self) -> Mapping[int, Relation]:
        return {relation.oid: relation for relation in self.relations}

    def named(self, name: str, where: str) -> Relation:
        """The table of that `schema.name` or `name`. Raises ScenarioError, which begins with `where`."""
        found = self._by_name.get(name, ())
        if len(found) == 1:
            return found[0]
        if found:
            schemas = ", ".join(sorted(relation.schema for relation in found))
            raise ScenarioError(f"{where} names {name!r}, which is in {schemas}; write schema.name")
        for relation in self.snapshot.relations:
            if relation.is_partition and name in (relation.name, f"{relation.schema}.{relation.name}"):
                root = self.root_of(relation)
                raise ScenarioError(
                    f"{where} names {name!r}, a partition; name its table {self.name_of(root)}"
                )
        hint = did_you_mean(name, self._by_name, 0.6) or "; correct the name"
        raise ScenarioError(f"{where} names {name!r}, and there is no such table{hint}")

    def name_of(self, relation: Relation) -> str:
        """The shortest name by which `named` finds it."""
        if self._by_name.get(relation.name) == (relation,):
            return relation.name
        return f"{relation.schema}.{relation.name}"

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Relation, ...]]:
        bare: defaultdict[str, list[Relation]] = defaultdict(list)
        for relation in self.relations:
            bare[relation.name].append(relation)
        named = {name: tuple(found) for name, found in bare.items()}
        # A qualified name is the more exact one.
        return named | {f"{each.schema}.{each.name}": (each,) for each in self.relations}

    def root_of(self, relation: Relation) -> Relation:
        while relation.is_partition and (parents := self.snapshot.parents_of(relation.oid)):
            relation = self.snapshot.relation_by_oid[parents[0]]
        return relation

    # --- sizes ---

    def rows(self, oid: int) -> float:
        """Rows today, as `Snapshot.rows_of` has them."""
        return self.snapshot.rows_of(oid)

    def is_unknown(self, oid: int) -> bool:
        """Whether it has pages, and neither ANALYZE nor the counters say how many rows are on them."""
        parts = self.snapshot.leaves_of(oid) if self.by_oid[oid].kind == "p" else (oid,)
        found = [self.snapshot.relation_by_oid[part] for part in parts]
        return not self.rows(oid) and any(each.rows < 0 and (each.size_bytes or 0) > 0 for each in found)

    @cached_property
    def tenants(self) -> float:
        """Tenants today: rows of the tenant table, or the most that a tenant column tells apart; else 0."""
        if self.tenancy.tenant_table is not None:
            return self.rows(self.tenancy.tenant_table)
        return max((self.distinct(*ends) for ends in self.tenant_columns.items()), default=0.0)

    @cached_property
    def tenant_columns(self) -> Mapping[int, Column]:
        """The tenant column by relation oid, of tables that have one; not the tenant table's key."""
        found = {}
        for part in self.tenancy.tables:
            if part.table_class == "tenant" and part.column is not None:
                column = self.snapshot.column(part.relation, part.column)
                if column is not None:
                    found[part.relation] = column
        return found

    def distinct(self, oid: int, column: Column) -> float:
        """Distinct values of a column today, 0 where statistics do not say."""
        known = self.snapshot.statistics_of(oid, column.number)
        if known is None:
            return 0.0
        return known.n_distinct if known.n_distinct >= 0 else round(-known.n_distinct * self.rows(oid))

    # --- what hangs on what ---

    def is_shared(self, oid: int) -> bool:
        part = self.tenancy.of(oid)
        return self.tenancy.column is None or part is None or part.table_class == "shared"

    def parents(self, oid: int) -> tuple[int, ...]:
        """Tables that its rows belong to row by row, the likeliest first; not the tenant table.

        The largest counts for most, and of those alike the one that most foreign keys lead to. What is empty
        yet belongs rather to what is empty yet than to what was set up for it.
        """
        if self.is_shared(oid) or oid == self.tenancy.tenant_table:
            return ()
        found = {
            key.foreign_relation
            for key in self._keys_of.get(oid, ())
            if key.foreign_relation is not None and self._is_parent(oid, key)
        }
        empty = not self.rows(oid)

        def unlikely(parent: int) -> tuple[bool, float, int, int]:
            rows = self.rows(parent)
            return (empty and rows > 0, -rows, -self._weight(parent), parent)

        return tuple(sorted(found, key=unlikely))

    def _is_parent(self, oid: int, key: Constraint) -> bool:
        parent = key.foreign_relation
        if parent in (None, oid, self.tenancy.tenant_table) or parent not in self.by_oid:
            return False
        if self.is_shared(parent):
            return False
        part = self.tenancy.of(oid)
        if self._keys.is_sure(key) or (part is not None and key.oid in part.path[:1]):
            return True
        return self._few_orphans(oid, parent, key)

    def _few_orphans(self, oid: int, parent: int, key: Constraint) -> bool:
        """Of a nullable key: few are null, or both ends are still empty and nothing says otherwise."""
        known = [self.snapshot.statistics_of(oid, number) for number in key.columns]
        if any(known):
            return all(each is None or each.null_frac <= _FEW_ORPHANS for each in known)
        return self.rows(oid) == 0 and self.rows(parent) == 0

    def _weight(self, oid: int) -> int:
        return len(self._keys.ways.get(oid, ()))

    @cached_property
    def _keys(self) -> keys.Ground:
        return keys.Ground.of(self.snapshot, ())

    @cached_property
    def _keys_of(self) -> Mapping[int, list[Constraint]]:
        found: defaultdict[int, list[Constraint]] = defaultdict(list)
        for key in self._keys.foreign_keys:
            found[key.relation].append(key)
        return found

    def follows(self, told: Mapping[int, int | None]) -> dict[int, int | None]:
        """What each table grows with: a table's oid, or None for the tenants or nothing at all.

        `told` is taken as it is; for the rest, the likeliest parent that does not hang on the table itself.
        """
        found: dict[int, int | None] = dict(told)
        for relation in self.relations:
            if relation.oid not in found:
                found[relation.oid] = self._first_free(relation.oid, self._above(relation), found)
        return found

    def _above(self, relation: Relation) -> tuple[int, ...]:
        if relation.kind != "m":
            return self.parents(relation.oid)
        view = next((view for view in self.snapshot.views if view.relation == relation.oid), None)
        read = [oid for oid in (view.reads if view else ()) if oid in self.by_oid and oid != relation.oid]
        return tuple(sorted(read, key=lambda oid: (-self.rows(oid), oid)))

    def _first_free(
        self, oid: int, candidates: Iterable[int], follows: Mapping[int, int | None]
    ) -> int | None:
        return next((each for each in candidates if oid not in _chain(each, follows)), None)


def _chain(oid: int | None, follows: Mapping[int, int | None]) -> Collection[int]:
    """The table and all that it hangs on; ends where it would go round."""
    seen: dict[int, None] = {}
    while oid is not None and oid not in seen:
        seen[oid] = None
        oid = follows.get(oid)
    return seen
