"""An immutable picture of one database: what every later step reads instead of the server.

Lists are flat, as the catalog has them; the lookups below are built once, on first use. What the reading role
may not see is named in `hidden`, so that nothing hidden is mistaken for absent.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal, TypeVar

import msgspec

from tenfold.model.activity import (
    ConnectionGroup,
    Database,
    IndexBuild,
    Replica,
    ReplicationSlot,
    Server,
    Setting,
    Statement,
    TableActivity,
)
from tenfold.model.relations import (
    Collation,
    Column,
    ColumnStatistics,
    Constraint,
    ExtendedStatistics,
    ExtendedStatisticsData,
    Index,
    Inheritance,
    OperatorClass,
    Policy,
    Relation,
    Schema,
    Sequence,
    Trigger,
    Type,
    View,
)
from tenfold.model.roles import DefaultPrivilege, Function, Membership, Operator, Role

T = TypeVar("T")

#: What can be hidden from the reading role.
Sight = Literal[
    "statistics", "statements", "connections", "settings", "index_builds", "sizes", "definitions", "sequences"
]


class Hidden(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that exists and that the reading role was not shown."""

    what: Sight
    why: str
    #: The relation it belongs to; None where it is about the whole database.
    relation: int | None = None


class Extension(msgspec.Struct, frozen=True, omit_defaults=True):
    oid: int
    name: str
    version: str
    schema: str


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True, dict=True, kw_only=True):
    """One database at one time. Lists are in catalog order by oid and attribute number."""

    server: Server
    database: Database
    schemas: tuple[Schema, ...] = ()
    relations: tuple[Relation, ...] = ()
    inheritance: tuple[Inheritance, ...] = ()
    columns: tuple[Column, ...] = ()
    statistics: tuple[ColumnStatistics, ...] = ()
    extended_statistics: tuple[ExtendedStatistics, ...] = ()
    extended_statistics_data: tuple[ExtendedStatisticsData, ...] = ()
    #: Of their expressions: `relation` is the oid of the CREATE STATISTICS, `number` the position from 1.
    expression_statistics: tuple[ColumnStatistics, ...] = ()
    indexes: tuple[Index, ...] = ()
    operator_classes: tuple[OperatorClass, ...] = ()
    operators: tuple[Operator, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    policies: tuple[Policy, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    types: tuple[Type, ...] = ()
    collations: tuple[Collation, ...] = ()
    functions: tuple[Function, ...] = ()
    roles: tuple[Role, ...] = ()
    memberships: tuple[Membership, ...] = ()
    default_privileges: tuple[DefaultPrivilege, ...] = ()
    extensions: tuple[Extension, ...] = ()
    settings: tuple[Setting, ...] = ()
    table_activity: tuple[TableActivity, ...] = ()
    connections: tuple[ConnectionGroup, ...] = ()
    replicas: tuple[Replica, ...] = ()
    replication_slots: tuple[ReplicationSlot, ...] = ()
    index_builds: tuple[IndexBuild, ...] = ()
    statements: tuple[Statement, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    #: Values of users' rows and constants of statements were removed.
    redacted: bool = False

    # --- by oid ---

    @cached_property
    def relation_by_oid(self) -> Mapping[int, Relation]:
        return {relation.oid: relation for relation in self.relations}

    @cached_property
    def index_by_oid(self) -> Mapping[int, Index]:
        return {index.oid: index for index in self.indexes}

    @cached_property
    def role_by_oid(self) -> Mapping[int, Role]:
        return {role.oid: role for role in self.roles}

    @cached_property
    def function_by_oid(self) -> Mapping[int, Function]:
        return {function.oid: function for function in self.functions}

    @cached_property
    def operator_class_by_oid(self) -> Mapping[int, OperatorClass]:
        return {operator_class.oid: operator_class for operator_class in self.operator_classes}

    @cached_property
    def type_by_oid(self) -> Mapping[int, Type]:
        return {type_.oid: type_ for type_ in self.types}

    @cached_property
    def column_by_number(self) -> Mapping[tuple[int, int], Column]:
        """Keyed by (relation oid, attribute number)."""
        return {(column.relation, column.number): column for column in self.columns}

    @cached_property
    def activity_by_relation(self) -> Mapping[int, TableActivity]:
        return {activity.relation: activity for activity in self.table_activity}

    # --- by name ---

    @cached_property
    def relation_by_name(self) -> Mapping[tuple[str, str], Relation]:
        """Keyed by (schema, name)."""
        return {(relation.schema, relation.name): relation for relation in self.relations}

    @cached_property
    def relations_named(self) -> Mapping[str, tuple[Relation, ...]]:
        """Keyed by the bare name: one relation for each schema that has it."""
        return _grouped((relation.name, relation) for relation in self.relations)

    @cached_property
    def role_by_name(self) -> Mapping[str, Role]:
        return {role.name: role for role in self.roles}

    @cached_property
    def setting_by_name(self) -> Mapping[str, Setting]:
        return {setting.name: setting for setting in self.settings}

    @cached_property
    def extension_names(self) -> frozenset[str]:
        return frozenset(extension.name for extension in self.extensions)

    @cached_property
    def _column_by_name(self) -> Mapping[tuple[int, str], Column]:
        return {(column.relation, column.name): column for column in self.columns}

    def column(self, relation: int, name: str) -> Column | None:
        """The relation's column of that name."""
        return self._column_by_name.get((relation, name))

    # --- of a relation ---

    @cached_property
    def _columns(self) -> Mapping[int, tuple[Column, ...]]:
        return _grouped((column.relation, column) for column in self.columns)

    @cached_property
    def _indexes(self) -> Mapping[int, tuple[Index, ...]]:
        return _grouped((index.relation, index) for index in self.indexes)

    @cached_property
    def _constraints(self) -> Mapping[int, tuple[Constraint, ...]]:
        return _grouped((constraint.relation, constraint) for constraint in self.constraints)

    @cached_property
    def _primary_keys(self) -> Mapping[int, Constraint]:
        return {constraint.relation: constraint for constraint in self.constraints if constraint.kind == "p"}

    @cached_property
    def _foreign_keys(self) -> Mapping[int, tuple[Constraint, ...]]:
        return _grouped(
            (constraint.relation, constraint)
            for constraint in self.constraints
            if constraint.kind == "f" and constraint.parent is None and constraint.enforced
        )

    @cached_property
    def _policies(self) -> Mapping[int, tuple[Policy, ...]]:
        return _grouped((policy.relation, policy) for policy in self.policies)

    @cached_property
    def _triggers(self) -> Mapping[int, tuple[Trigger, ...]]:
        return _grouped((trigger.relation, trigger) for trigger in self.triggers)

    @cached_property
    def _parents(self) -> Mapping[int, tuple[int, ...]]:
        return _grouped((link.child, link.parent) for link in self.inheritance)

    @cached_property
    def _children(self) -> Mapping[int, tuple[int, ...]]:
        return _grouped((link.parent, link.child) for link in self.inheritance)

    @cached_property
    def _statistics(self) -> Mapping[tuple[int, int], tuple[ColumnStatistics, ...]]:
        return _grouped(((row.relation, row.number), row) for row in self.statistics)

    def columns_of(self, relation: int) -> tuple[Column, ...]:
        return self._columns.get(relation, ())

    def indexes_of(self, relation: int) -> tuple[Index, ...]:
        return self._indexes.get(relation, ())

    def constraints_of(self, relation: int) -> tuple[Constraint, ...]:
        return self._constraints.get(relation, ())

    def primary_key_of(self, relation: int) -> Constraint | None:
        return self._primary_keys.get(relation)

    def foreign_keys_of(self, relation: int) -> tuple[Constraint, ...]:
        """The foreign keys that it declares and the server enforces; not those that it has from a parent."""
        return self._foreign_keys.get(relation, ())

    def policies_of(self, relation: int) -> tuple[Policy, ...]:
        return self._policies.get(relation, ())

    def triggers_of(self, relation: int) -> tuple[Trigger, ...]:
        return self._triggers.get(relation, ())

    def parents_of(self, relation: int) -> tuple[int, ...]:
        """Oids of the partitioned or inherited tables right above."""
        return self._parents.get(relation, ())

    def children_of(self, relation: int) -> tuple[int, ...]:
        """Oids of the partitions or inheriting tables right below."""
        return self._children.get(relation, ())

    def leaves_of(self, relation: int) -> tuple[int, ...]:
        """Oids of the partitions below that hold rows themselves, at whatever depth."""
        return tuple(
            leaf
            for child in self.children_of(relation)
            for leaf in (self.leaves_of(child) if self.relation_by_oid[child].kind == "p" else (child,))
        )

    def rows_of(self, relation: int) -> float:
        """Rows, by the planner's figure or the activity counters, whichever knows more; of all partitions."""
        parts = self.children_of(relation) if self.relation_by_oid[relation].kind == "p" else ()
        if parts:
            return sum(self.rows_of(part) for part in parts)
        activity = self.activity_by_relation.get(relation)
        return max(self.relation_by_oid[relation].rows, float(activity.live_rows) if activity else 0.0, 0.0)

    def statistics_of(self, relation: int, number: int) -> ColumnStatistics | None:
        """The column's statistics: of the whole tree where the relation has children, else its own."""
        rows = self._statistics.get((relation, number), ())
        return max(rows, key=lambda row: row.inherited, default=None)

    def column_names(self, relation: int, numbers: Iterable[int]) -> tuple[str, ...]:
        """Names of the numbered columns; zeros (expressions) are left out."""
        columns = self.column_by_number
        return tuple([columns[relation, number].name for number in numbers if number > 0])

    def setting(self, name: str) -> str | None:
        """A server setting's value, in the setting's own unit."""
        found = self.setting_by_name.get(name)
        return found.value if found else None

    def sees(self, what: Sight, relation: int | None = None) -> bool:
        """Whether the reading role was shown this, of the database or of one relation."""
        return (what, None) not in self._hidden and (what, relation) not in self._hidden

    @cached_property
    def _hidden(self) -> frozenset[tuple[Sight, int | None]]:
        return frozenset((hidden.what, hidden.relation) for hidden in self.hidden)

    @cached_property
    def fingerprint(self) -> str:
        """Tells this database from every other: 16 hex digits, the same after any change of schema."""
        return fingerprint(self.server.system_identifier, self.database.oid, self.database.name)


def fingerprint(system_identifier: str | None, database_oid: int, database_name: str) -> str:
    """The identity of a database: the cluster it lives in, its oid and its name."""
    identity = f"{system_identifier}/{database_oid}/{database_name}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


K = TypeVar("K")


def _grouped(pairs: Iterable[tuple[K, T]]) -> Mapping[K, tuple[T, ...]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return {key: tuple(values) for key, values in groups.items()}
