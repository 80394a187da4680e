"""What a rule judges: a snapshot, its tenancy and the configuration, with the questions rules share.

Everything is derived from values; nothing here reads a server, a file or a clock.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from tenfold.model.activity import Statement
from tenfold.model.audit import TenantIndexing
from tenfold.model.config import Config
from tenfold.model.finding import Priority
from tenfold.model.relations import Column, Relation
from tenfold.model.remedy import CreateIndex, Key, Partition, Table
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.model.thresholds import Thresholds
from tenfold.rules.coverage import TenantCover, tenant_cover

T = TypeVar("T")

_DAY = 86_400.0


class TenantTable(msgspec.Struct, frozen=True, gc=False):
    """A table with the tenant column: the relation, its column, and its part in the tenancy."""

    relation: Relation
    column: Column
    tenancy: TableTenancy


class Subject(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    snapshot: Snapshot
    tenancy: Tenancy
    config: Config = Config()
    #: Statements that the configuration names, beside those that the server recorded.
    workload: tuple[Statement, ...] = ()

    @property
    def thresholds(self) -> Thresholds:
        return self.config.thresholds

    # --- what is judged ---

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """Relations of the user's: not an extension's, not in an excluded schema, not locked away."""
        excluded = frozenset(self.config.exclude_schemas)
        locked = {entry.relation for entry in self.snapshot.hidden if entry.what == "definitions"}
        return tuple(
            relation
            for relation in self.snapshot.relations
            if relation.extension is None and relation.schema not in excluded and relation.oid not in locked
        )

    @cached_property
    def tables(self) -> tuple[Relation, ...]:
        """Tables and partitioned tables; a partition is judged through its root, so it is not among them."""
        return tuple(
            relation for relation in self.relations if relation.is_table and not relation.is_partition
        )

    @cached_property
    def stored(self) -> tuple[Relation, ...]:
        """Relations whose rows the vacuum has to keep: permanent tables, and partitions each for itself."""
        return tuple(
            relation for relation in self.relations if relation.kind == "r" and relation.persistence != "t"
        )

    @cached_property
    def judged(self) -> frozenset[int]:
        """Oids of `relations`."""
        return frozenset(relation.oid for relation in self.relations)

    @cached_property
    def tenant_tables(self) -> tuple[TenantTable, ...]:
        """Those of `tables` that have the tenant column."""
        found = []
        for relation in self.tables:
            part = self.tenancy.of(relation.oid)
            if part is None or part.table_class != "tenant" or part.column is None:
                continue
            column = self.snapshot.column(relation.oid, part.column)
            if column is not None:
                found.append(TenantTable(relation, column, part))
        return tuple(found)

    @cached_property
    def tenant_column_of(self) -> Mapping[int, Column]:
        """Tenant column by relation oid, for tenant tables and the tenant table itself (its key)."""
        found = {table.relation.oid: table.column for table in self.tenant_tables}
        if self.tenancy.tenant_table is not None and self.tenancy.tenant_key is not None:
            key = self.snapshot.column(self.tenancy.tenant_table, self.tenancy.tenant_key)
            if key is not None:
                found[self.tenancy.tenant_table] = key
        return found

    @cached_property
    def tenant_cover(self) -> Mapping[int, TenantCover]:
        """What each tenant table's indexes do for its tenant column, by relation oid."""
        return {
            table.relation.oid: tenant_cover(self.snapshot, table.relation, table.column)
            for table in self.tenant_tables
        }

    @cached_property
    def tenant_indexing(self) -> TenantIndexing:
        """How many tenant tables have an index that serves `tenant column = ...`."""
        missing = tuple(
            table.relation.display
            for table in self.tenant_tables
            if self.tenant_cover[table.relation.oid] != "served"
        )
        return TenantIndexing(len(self.tenant_tables) - len(missing), missing)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Recorded and configured statements."""
        return self.snapshot.statements + self.workload

    # --- how urgent it is ---

    def priority(self, relation: Relation) -> Priority:
        """P0 for a hot table, P1 for a busy one or one with personal data, P2 for the rest."""
        if self.is_hot(relation):
            return Priority.P0
        busy = self.operations_per_day(relation) >= self.thresholds.busy_operations_per_day
        return Priority.P1 if busy or self.is_personal(relation) else Priority.P2

    def is_hot(self, relation: Relation) -> bool:
        return self.operations_per_day(relation) >= self.thresholds.hot_operations_per_day

    def is_personal(self, relation: Relation) -> bool:
        """Whether the configuration says that it holds personal data."""
        return _named(relation, self._personal)

    def operations_per_day(self, relation: Relation) -> float:
        """Statements' rows written and scans a day: as counted where the counters are old enough, or as the
        configuration expects, whichever is more.
        """
        declared = self.declared_operations_per_day(relation)
        if self.activity_days is None:
            return declared
        counted = 0
        for part in self.storage_of(relation):
            activity = self.snapshot.activity_by_relation.get(part.oid)
            if activity is not None:
                counted += activity.writes + activity.sequential_scans + activity.index_scans
        return max(declared, counted / self.activity_days)

    def declared_operations_per_day(self, relation: Relation) -> float:
        """What the configuration expects of the table; 0 where it says nothing."""
        expected = self.config.operations_per_day
        if not expected:
            return 0.0
        return float(expected.get(relation.name, expected.get(f"{relation.schema}.{relation.name}", 0)))

    def storage_of(self, relation: Relation) -> tuple[Relation, ...]:
        """What holds the table's rows: itself, or the partitions at the bottom of the tree."""
        if relation.kind != "p":
            return (relation,)
        return tuple(self.snapshot.relation_by_oid[oid] for oid in self.snapshot.leaves_of(relation.oid))

    def root_of(self, relation: Relation) -> Relation:
        """The table that a partition belongs to in the end; any other relation is its own."""
        while relation.is_partition and (parents := self.snapshot.parents_of(relation.oid)):
            relation = self.snapshot.relation_by_oid[parents[0]]
        return relation

    @cached_property
    def activity_days(self) -> float | None:
        """Days that the counters have run; None where too few to speak for a day."""
        days = self.counted_days
        return days if days is not None and days * 24 >= self.thresholds.activity_window_hours else None

    @cached_property
    def counted_days(self) -> float | None:
        """Days that the counters have run, however few."""
        return self.days_since(self.snapshot.database.statistics_reset or self.snapshot.server.started)

    def days_since(self, when: str | None) -> float | None:
        """Days from an ISO time to the snapshot's own time."""
        if when is None:
            return None
        now = datetime.datetime.fromisoformat(self.snapshot.server.now)
        return (now - datetime.datetime.fromisoformat(when)).total_seconds() / _DAY

    def rows(self, relation: Relation) -> float:
        """As `Snapshot.rows_of`."""
        return self._rows[relation.oid]

    # --- what a group of rules derives for itself ---

    def once(self, derive: Callable[[Subject], T]) -> T:
        """What `derive` makes of this subject, made on first use and shared by all rules that ask for it."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        found: T = self._derived[derive]
        return found

    @cached_property
    def _derived(self) -> dict[Callable[[Subject], Any], Any]:
        return {}

    # --- remedies that several rules propose ---

    def create_index(self, relation: Relation, *columns: str, unique: bool = False) -> CreateIndex:
        return CreateIndex(
            table=table_of(relation),
            keys=tuple(Key(column=column) for column in columns),
            unique=unique,
            partitions=tuple(self._partitions_below(relation)) if relation.kind == "p" else (),
        )

    def _partitions_below(self, relation: Relation) -> Iterator[Partition]:
        for oid in self.snapshot.children_of(relation.oid):
            part = self.snapshot.relation_by_oid[oid]
            if part.is_table:
                yield Partition(table_of(part), table_of(relation), part.kind == "p")
                yield from self._partitions_below(part)

    @cached_property
    def _rows(self) -> Mapping[int, float]:
        return {relation.oid: self.snapshot.rows_of(relation.oid) for relation in self.snapshot.relations}

    @cached_property
    def _personal(self) -> frozenset[str]:
        return frozenset(self.config.personal_data.tables)


def table_of(relation: Relation) -> Table:
    return Table(relation.schema, relation.name)


def _named(relation: Relation, wanted: frozenset[str]) -> bool:
    return relation.name in wanted or f"{relation.schema}.{relation.name}" in wanted
