"""What `pg_class` and its neighbours say: relations, their columns, indexes, constraints and policies.

One struct a catalog row, fields in the order of the catalog query's columns. Objects refer to each other by
oid and attribute number, as in the catalog; `Snapshot` finds them. No struct here can be part of a reference
cycle, and there are hundreds of thousands: the garbage collector is told to pass them by (`gc=False`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tenfold.model.ddl import qualified

#: `pg_class.relkind`: table, partitioned table, view, materialized view, foreign table.
RelationKind = Literal["r", "p", "v", "m", "f"]
#: `pg_constraint.contype`: primary, unique, foreign, check, exclusion, not null (18), trigger.
ConstraintKind = Literal["p", "u", "f", "c", "x", "n", "t"]
#: `pg_policy.polcmd`: all, select, insert, update, delete.
PolicyCommand = Literal["*", "r", "a", "w", "d"]

# `pg_index.indoption` bits (src/include/catalog/pg_index.h).
_DESC, _NULLS_FIRST = 1, 2


class Schema(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One schema that is not the system's."""

    oid: int
    name: str
    owner: int
    acl: tuple[str, ...] | None = None
    extension: str | None = None


class Relation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A table, partitioned table, view, materialized view or foreign table."""

    oid: int
    schema: str
    name: str
    kind: RelationKind
    persistence: Literal["p", "u", "t"]
    owner: int
    #: Rows by the last VACUUM or ANALYZE; -1 where neither has run.
    rows: float
    #: Blocks of the main fork by the last VACUUM or ANALYZE.
    pages: int
    all_visible_pages: int
    #: Bytes of the main fork now; None where the relation was locked or has no storage.
    size_bytes: int | None = None
    #: Bytes of the TOAST table with its index.
    toast_bytes: int | None = None
    rls_enabled: bool = False
    rls_forced: bool = False
    is_partition: bool = False
    partition_key: str | None = None
    partition_bound: str | None = None
    options: tuple[str, ...] | None = None
    acl: tuple[str, ...] | None = None
    access_method: str | None = None
    replica_identity: str = "d"
    #: Transactions since relfrozenxid; 0 where the relation has no storage.
    xid_age: int = 0
    multixact_age: int = 0
    comment: str | None = None
    #: The extension that created it.
    extension: str | None = None

    @property
    def qualified(self) -> str:
        """Schema and name as SQL text, quoted where needed."""
        return qualified(self.schema, self.name)

    @property
    def display(self) -> str:
        """The name as people say it: without the schema where that is `public`."""
        return qualified(self.name) if self.schema == "public" else self.qualified

    @property
    def is_table(self) -> bool:
        """An ordinary or partitioned table."""
        return self.kind in ("r", "p")

    def option(self, name: str) -> str | None:
        """A storage parameter or view option, None where it is not set."""
        for item in self.options or ():
            key, _, value = item.partition("=")
            if key == name:
                return value
        return None


class Inheritance(msgspec.Struct, frozen=True, gc=False):
    """A child relation (a partition or an inheriting table) and its parent."""

    child: int
    parent: int


class Column(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One column that is not dropped."""

    relation: int
    #: `attnum`, from 1; gaps are dropped columns.
    number: int
    name: str
    #: As `format_type` says it, with length or precision: `character varying(20)`.
    type: str
    type_oid: int
    #: `typtype`: b base, c composite, d domain, e enum, r range, m multirange, p pseudo.
    type_kind: str
    #: `typcategory`: N number, S string, D date and time, A array, U user-defined, ...
    type_category: str
    not_null: bool
    default: str | None = None
    #: '' or 's' (stored) or 'v' (virtual, 18).
    generated: str = ""
    #: '' or 'a' (always) or 'd' (by default).
    identity: str = ""
    collation: str | None = None
    #: `attstattarget`; -1 is the server's default.
    statistics_target: int = -1
    comment: str | None = None
    #: `attlen`: bytes of a fixed-length value, -1 of a varying one; 0 where a file does not say.
    length: int = 0
    #: `attalign`: c 1, s 2, i 4, d 8 bytes.
    alignment: str = "i"
    #: `attstorage`: p plain, e external, m main, x extended (compressed and moved out of line).
    storage: str = "p"
    acl: tuple[str, ...] | None = None
    #: Schema of `collation`; None where that is the system's.
    collation_schema: str | None = None


class ColumnStatistics(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row of `pg_stats`. Values are the type's text form; None where there are none, or hidden ones."""

    relation: int
    number: int
    inherited: bool
    null_frac: float
    #: Mean bytes of a value.
    avg_width: int
    #: Distinct values; below zero, their share of the rows.
    n_distinct: float
    common_values: tuple[str, ...] | None = None
    common_frequencies: tuple[float, ...] | None = None
    histogram: tuple[str, ...] | None = None
    correlation: float | None = None
    common_elements: tuple[str, ...] | None = None
    common_element_frequencies: tuple[float, ...] | None = None
    element_count_histogram: tuple[float, ...] | None = None
    #: Of ranges: lengths, the share of empty ones, and ranges of which lower and upper bounds are histograms;
    #: servers before 17 do not show them.
    range_lengths: tuple[float, ...] | None = None
    empty_range_frac: float | None = None
    range_bounds: tuple[str, ...] | None = None


class Index(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One index of a relation."""

    oid: int
    relation: int
    name: str
    method: str
    #: Attribute numbers, key columns first, then included ones; 0 is an expression.
    columns: tuple[int, ...]
    #: How many of `columns` are key columns.
    key_count: int
    #: Operator class oids and option bits, one a key column.
    opclasses: tuple[int, ...]
    option_bits: tuple[int, ...]
    #: Collation oids, one a key column; 0 is none.
    collations: tuple[int, ...]
    unique: bool
    primary: bool
    exclusion: bool
    valid: bool
    ready: bool
    #: As `pg_get_indexdef` writes it.
    definition: str
    pages: int
    tuples: float
    size_bytes: int | None = None
    #: Text of the key expressions, in order of the zeros in `columns`.
    expressions: tuple[str, ...] | None = None
    predicate: str | None = None
    #: Columns that expressions and predicate mention, and the key columns (from pg_depend).
    depends: tuple[int, ...] | None = None
    nulls_not_distinct: bool = False
    clustered: bool = False
    replica_identity: bool = False
    options: tuple[str, ...] | None = None
    #: The constraint that owns it.
    constraint: int | None = None
    #: The partitioned index it is a part of.
    parent: int | None = None
    #: Scans since the statistics were reset; None where activity is not collected.
    scans: int | None = None
    #: ISO time of the last scan (16 and later).
    last_scan: str | None = None
    tuples_read: int | None = None
    tuples_fetched: int | None = None
    blocks_hit: int | None = None
    blocks_read: int | None = None

    @property
    def key_columns(self) -> tuple[int, ...]:
        return self.columns[: self.key_count]

    @property
    def included_columns(self) -> tuple[int, ...]:
        return self.columns[self.key_count :]

    def descending(self, position: int) -> bool:
        """Whether the key at this position, from 0, is sorted DESC."""
        return bool(self.option_bits[position] & _DESC)

    def nulls_first(self, position: int) -> bool:
        return bool(self.option_bits[position] & _NULLS_FIRST)


class OperatorClass(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    name: str
    method: str
    is_default: bool
    input_type: str
    #: Operators that an index of this class can search by (from pg_amop).
    operators: tuple[int, ...] = ()


class Constraint(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One constraint of a relation."""

    oid: int
    relation: int
    name: str
    kind: ConstraintKind
    columns: tuple[int, ...]
    validated: bool
    #: As `pg_get_constraintdef` writes it.
    definition: str
    foreign_relation: int | None = None
    foreign_columns: tuple[int, ...] | None = None
    #: `confupdtype`, `confdeltype`: a no action, r restrict, c cascade, n set null, d set default.
    on_update: str = ""
    on_delete: str = ""
    #: `confmatchtype`: s simple, f full.
    match: str = ""
    deferrable: bool = False
    index: int | None = None
    #: The constraint of the partitioned table it was inherited from.
    parent: int | None = None
    enforced: bool = True


class Policy(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row-level security policy."""

    oid: int
    relation: int
    name: str
    command: PolicyCommand
    permissive: bool
    #: Role oids; 0 is PUBLIC.
    roles: tuple[int, ...]
    using: str | None = None
    check: str | None = None
    #: Columns of its own relation that the expressions depend on (from pg_depend).
    columns: tuple[int, ...] = ()
    #: Functions, other than the system's own, that the expressions call (from pg_depend).
    functions: tuple[int, ...] = ()
    #: Other relations that the expressions read (from pg_depend).
    relations: tuple[int, ...] = ()


class View(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The query of a view or materialized view."""

    relation: int
    definition: str | None
    #: Relations that it reads (from pg_depend, through its rewrite rule).
    reads: tuple[int, ...] = ()


class Trigger(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    relation: int
    name: str
    function: int
    #: `tgenabled`: O origin, D disabled, R replica, A always.
    enabled: str
    definition: str


class Sequence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    schema: str
    name: str
    owner: int
    type: str
    minimum: int
    maximum: int
    increment: int
    cycle: bool
    #: None where it was never used or the role may not read it.
    last_value: int | None = None
    #: The column that owns it, for serial and identity columns.
    relation: int | None = None
    column: int | None = None
    extension: str | None = None
    acl: tuple[str, ...] | None = None

    @property
    def qualified(self) -> str:
        return qualified(self.schema, self.name)


class ExtendedStatistics(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    oid: int
    relation: int
    schema: str
    name: str
    columns: tuple[int, ...]
    #: `stxkind`: d n-distinct, f dependencies, m most common values, e expressions.
    kinds: tuple[str, ...]
    definition: str


class ExtendedStatisticsData(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What ANALYZE found for one `ExtendedStatistics`. That of its expressions is a list beside it."""

    statistics: int
    inherited: bool
    #: As the server writes pg_ndistinct and pg_dependencies; -1 is the first expression.
    n_distinct: str | None = None
    dependencies: str | None = None
    #: Combinations, one after the other: a value a column and expression, None being NULL.
    common_values: tuple[str | None, ...] | None = None
    #: One a combination; the second is what they would be if the columns had nothing to do with each other.
    common_frequencies: tuple[float, ...] | None = None
    common_base_frequencies: tuple[float, ...] | None = None


class Collation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A collation of the user's, or one of the system's that a column uses."""

    oid: int
    schema: str
    name: str
    #: `collprovider`: c libc, i ICU, b builtin.
    provider: str
    deterministic: bool
    #: What the provider knows it by.
    locale: str
    ctype: str | None = None
    rules: str | None = None
    extension: str | None = None


class Type(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An enum, domain, composite or range type of the user's."""

    oid: int
    schema: str
    name: str
    kind: str
    #: Labels of an enum, in order.
    labels: tuple[str, ...] | None = None
    #: A domain's type underneath.
    base: str | None = None
    not_null: bool = False
    default: str | None = None
    #: Definitions of a domain's checks.
    checks: tuple[str, ...] | None = None
    extension: str | None = None
    #: A composite's attributes in order, each as CREATE TYPE takes it: `name type`.
    attributes: tuple[str, ...] | None = None
    #: What a range is made of.
    subtype: str | None = None
