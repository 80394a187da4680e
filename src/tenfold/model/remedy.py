"""What would put a finding right, as a wish: the plan consolidates wishes, orders them and adds their undo.

Remedies name things by text, so that they outlive the snapshot they were made from. Their SQL is composed in
`tenfold.model.remedy_sql`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tenfold.model.ddl import identifier, qualified


class Table(msgspec.Struct, frozen=True, order=True, gc=False):
    """A relation by name."""

    schema: str
    name: str

    @property
    def sql(self) -> str:
        return qualified(self.schema, self.name)


class Key(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One key of an index: a column, or an expression in parentheses."""

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    #: None is the order's default: last when ascending, first when descending.
    nulls_first: bool | None = None
    opclass: str | None = None

    @property
    def sql(self) -> str:
        parts = [identifier(self.column) if self.column is not None else f"({self.expression})"]
        if self.opclass:
            parts.append(self.opclass)
        if self.descending:
            parts.append("DESC")
        if self.nulls_first is not None and self.nulls_first is not self.descending:
            parts.append("NULLS FIRST" if self.nulls_first else "NULLS LAST")
        return " ".join(parts)


class _Remedy(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="remedy", tag=True, kw_only=True, gc=False
):
    """What all remedies share: the table they change."""

    table: Table


class Partition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a partitioned table, right below `parent`."""

    table: Table
    parent: Table
    #: Whether it is partitioned itself.
    partitioned: bool = False


class CreateIndex(_Remedy, frozen=True):
    keys: tuple[Key, ...]
    include: tuple[str, ...] = ()
    where: str | None = None
    unique: bool = False
    method: str = "btree"
    #: None: `idx_<table>_<columns>`.
    name: str | None = None
    #: All that is below a partitioned table, from the top down. No index is built concurrently on the table
    #: itself: it is declared there, built on each part and attached.
    partitions: tuple[Partition, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it names, keys first; expressions are left out."""
        return (*(key.column for key in self.keys if key.column is not None), *self.include)

    @property
    def index_name(self) -> str:
        """Its name before it is cut to fit or numbered."""
        return self.name or "_".join(["idx", self.table.name, *(key.column or "expr" for key in self.keys)])


class DropIndex(_Remedy, frozen=True):
    name: str
    #: As pg_get_indexdef wrote it: the undo.
    definition: str
    #: The index of a partitioned table, which the server drops with all its parts and not concurrently.
    partitioned: bool = False


class RebuildIndex(_Remedy, frozen=True):
    """REINDEX INDEX CONCURRENTLY: for bloat, and for an index whose build failed."""

    name: str


class EnableRls(_Remedy, frozen=True):
    pass


class ForceRls(_Remedy, frozen=True):
    pass


class CreatePolicy(_Remedy, frozen=True):
    name: str
    #: ALL, SELECT, INSERT, UPDATE or DELETE.
    command: str = "ALL"
    permissive: bool = True
    #: Empty is PUBLIC.
    roles: tuple[str, ...] = ()
    using: str | None = None
    check: str | None = None


class AlterPolicy(_Remedy, frozen=True):
    name: str
    using: str | None = None
    check: str | None = None
    old_using: str | None = None
    old_check: str | None = None


class DropPolicy(_Remedy, frozen=True):
    """Its undo is the policy as it was."""

    was: CreatePolicy


class GrantTable(_Remedy, frozen=True):
    role: str
    privileges: tuple[str, ...]


class RevokeTable(_Remedy, frozen=True):
    role: str
    privileges: tuple[str, ...]


class AddTenantColumn(_Remedy, frozen=True):
    """Gives a child table its tenant column, filled through its foreign key to `parent`."""

    column: str
    type: str
    #: The foreign key's columns here and the key that they refer to there.
    foreign_columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]
    parent_tenant_column: str
    #: Primary key, by which the backfill walks.
    key_columns: tuple[str, ...]
    #: ON DELETE of the foreign key it follows, as SQL.
    on_delete: str = "NO ACTION"
    #: When that foreign key is checked, as of AddForeignKey.
    deferral: str = ""


class SetNotNull(_Remedy, frozen=True):
    column: str


class AddForeignKey(_Remedy, frozen=True):
    name: str
    columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    #: When it is checked, as SQL: `DEFERRABLE`, `DEFERRABLE INITIALLY DEFERRED`, or nothing.
    deferral: str = ""
    #: Of a partitioned table: the parts that hold rows. It refuses NOT VALID before PostgreSQL 18, and they
    #: do not: each gets the key, and the table then adopts them without a scan.
    partitions: tuple[Table, ...] = ()


class ValidateConstraint(_Remedy, frozen=True):
    name: str


class DropConstraint(_Remedy, frozen=True):
    name: str
    #: As pg_get_constraintdef wrote it: the undo.
    definition: str


class SetStatistics(_Remedy, frozen=True):
    column: str
    target: int
    old_target: int = -1


class SetTableOptions(_Remedy, frozen=True):
    options: tuple[tuple[str, str], ...]
    #: Values before, None where the option was not set.
    old: tuple[tuple[str, str | None], ...] = ()


class SetViewInvoker(_Remedy, frozen=True):
    """Makes a view run with the rights of who reads it (PostgreSQL 15 and later)."""


class SetFunctionSearchPath(_Remedy, frozen=True):
    """`table` is the function's schema and name."""

    arguments: str
    search_path: str
    kind: str = "FUNCTION"


class SetRoleSetting(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="remedy", tag=True, kw_only=True, gc=False
):
    role: str
    database: str
    setting: str
    value: str
    old: str | None = None


Remedy: TypeAlias = (
    CreateIndex
    | DropIndex
    | RebuildIndex
    | EnableRls
    | ForceRls
    | CreatePolicy
    | AlterPolicy
    | DropPolicy
    | GrantTable
    | RevokeTable
    | AddTenantColumn
    | SetNotNull
    | AddForeignKey
    | ValidateConstraint
    | DropConstraint
    | SetStatistics
    | SetTableOptions
    | SetViewInvoker
    | SetFunctionSearchPath
    | SetRoleSetting
)
