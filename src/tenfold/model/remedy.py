"""What would put a finding right, as a wish: the plan consolidates wishes, orders them and adds their undo.

Remedies name things by text, so that they outlive the snapshot they were made from. `statements` gives the
SQL of one remedy; it is the only place where that SQL is composed.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TypeAlias

import msgspec

from tenfold.model.ddl import identifier, literal, names, qualified


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


class SetNotNull(_Remedy, frozen=True):
    column: str


class AddForeignKey(_Remedy, frozen=True):
    name: str
    columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
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


@singledispatch
def statements(remedy: object) -> tuple[str, ...]:
    """The SQL that carries the remedy out, one statement a string, without semicolons."""
    raise TypeError(f"no statements for {type(remedy).__name__}")


def _alter(table: Table, action: str) -> tuple[str]:
    return (f"ALTER TABLE {table.sql} {action}",)


@statements.register
def _(remedy: CreateIndex) -> tuple[str, ...]:
    if remedy.partitions:
        return _index_by_parts(remedy)
    return (_index(remedy, "CONCURRENTLY", ""),)


def _index(remedy: CreateIndex, how: str, only: str) -> str:
    unique = "UNIQUE" if remedy.unique else ""
    using = "" if remedy.method == "btree" else f"USING {remedy.method}"
    name, table = identifier(remedy.index_name), remedy.table.sql
    words = ("CREATE", unique, "INDEX", how, name, "ON", only, table, using)
    return (
        f"{' '.join(filter(None, words))} ({', '.join(key.sql for key in remedy.keys)})"
        + (f" INCLUDE ({names(remedy.include)})" if remedy.include else "")
        + (f" WHERE {remedy.where}" if remedy.where else "")
    )


def _index_by_parts(remedy: CreateIndex) -> tuple[str, ...]:
    parts = {remedy.table: remedy} | {
        part.table: msgspec.structs.replace(
            remedy, table=part.table, name=remedy.name and f"{part.table.name}_{remedy.name}", partitions=()
        )
        for part in remedy.partitions
    }
    return (
        _index(remedy, "", "ONLY"),
        *(
            _index(parts[part.table], "", "ONLY")
            if part.partitioned
            else _index(parts[part.table], "CONCURRENTLY", "")
            for part in remedy.partitions
        ),
        *(
            f"ALTER INDEX {qualified(part.parent.schema, parts[part.parent].index_name)} "
            f"ATTACH PARTITION {qualified(part.table.schema, parts[part.table].index_name)}"
            for part in reversed(remedy.partitions)
        ),
    )


@statements.register
def _(remedy: DropIndex) -> tuple[str, ...]:
    how = "" if remedy.partitioned else "CONCURRENTLY "
    return (f"DROP INDEX {how}{qualified(remedy.table.schema, remedy.name)}",)


@statements.register
def _(remedy: RebuildIndex) -> tuple[str, ...]:
    return (f"REINDEX INDEX CONCURRENTLY {qualified(remedy.table.schema, remedy.name)}",)


@statements.register
def _(remedy: EnableRls) -> tuple[str, ...]:
    return _alter(remedy.table, "ENABLE ROW LEVEL SECURITY")


@statements.register
def _(remedy: ForceRls) -> tuple[str, ...]:
    return _alter(remedy.table, "FORCE ROW LEVEL SECURITY")


def _expressions(using: str | None, check: str | None) -> str:
    return (f" USING ({using})" if using else "") + (f" WITH CHECK ({check})" if check else "")


@statements.register
def _(remedy: CreatePolicy) -> tuple[str, ...]:
    return (
        f"CREATE POLICY {identifier(remedy.name)} ON {remedy.table.sql}"
        + ("" if remedy.permissive else " AS RESTRICTIVE")
        + ("" if remedy.command == "ALL" else f" FOR {remedy.command}")
        + (f" TO {names(remedy.roles)}" if remedy.roles else "")
        + _expressions(remedy.using, remedy.check),
    )


@statements.register
def _(remedy: AlterPolicy) -> tuple[str, ...]:
    return (
        f"ALTER POLICY {identifier(remedy.name)} ON {remedy.table.sql}"
        + _expressions(remedy.using, remedy.check),
    )


@statements.register
def _(remedy: DropPolicy) -> tuple[str, ...]:
    return (f"DROP POLICY {identifier(remedy.was.name)} ON {remedy.table.sql}",)


@statements.register
def _(remedy: GrantTable) -> tuple[str, ...]:
    return (f"GRANT {', '.join(remedy.privileges)} ON {remedy.table.sql} TO {identifier(remedy.role)}",)


@statements.register
def _(remedy: RevokeTable) -> tuple[str, ...]:
    role = "PUBLIC" if remedy.role == "public" else identifier(remedy.role)
    return (f"REVOKE {', '.join(remedy.privileges)} ON {remedy.table.sql} FROM {role}",)


@statements.register
def _(remedy: AddTenantColumn) -> tuple[str, ...]:
    column = identifier(remedy.column)
    joined = " AND ".join(
        f"child.{identifier(here)} = parent.{identifier(there)}"
        for here, there in zip(remedy.foreign_columns, remedy.parent_columns, strict=True)
    )
    return (
        f"ALTER TABLE {remedy.table.sql} ADD COLUMN {column} {remedy.type}",
        f"UPDATE {remedy.table.sql} AS child SET {column} = parent.{identifier(remedy.parent_tenant_column)} "
        f"FROM {remedy.parent.sql} AS parent WHERE {joined} AND child.{column} IS NULL",
        f"ALTER TABLE {remedy.table.sql} ALTER COLUMN {column} SET NOT NULL",
    )


@statements.register
def _(remedy: SetNotNull) -> tuple[str, ...]:
    return _alter(remedy.table, f"ALTER COLUMN {identifier(remedy.column)} SET NOT NULL")


@statements.register
def _(remedy: AddForeignKey) -> tuple[str, ...]:
    if remedy.partitions:
        parts = (msgspec.structs.replace(remedy, table=part, partitions=()) for part in remedy.partitions)
        return (*(text for part in parts for text in statements(part)), _foreign_key(remedy))
    return (
        f"{_foreign_key(remedy)} NOT VALID",
        *statements(ValidateConstraint(table=remedy.table, name=remedy.name)),
    )


def _foreign_key(remedy: AddForeignKey) -> str:
    return (
        f"ALTER TABLE {remedy.table.sql} ADD CONSTRAINT {identifier(remedy.name)} "
        f"FOREIGN KEY ({names(remedy.columns)}) "
        f"REFERENCES {remedy.parent.sql} ({names(remedy.parent_columns)})"
        + (f" ON UPDATE {remedy.on_update}" if remedy.on_update != "NO ACTION" else "")
        + (f" ON DELETE {remedy.on_delete}" if remedy.on_delete != "NO ACTION" else "")
    )


@statements.register
def _(remedy: ValidateConstraint) -> tuple[str, ...]:
    return _alter(remedy.table, f"VALIDATE CONSTRAINT {identifier(remedy.name)}")


@statements.register
def _(remedy: DropConstraint) -> tuple[str, ...]:
    return _alter(remedy.table, f"DROP CONSTRAINT {identifier(remedy.name)}")


@statements.register
def _(remedy: SetStatistics) -> tuple[str, ...]:
    column = identifier(remedy.column)
    return (
        f"ALTER TABLE {remedy.table.sql} ALTER COLUMN {column} SET STATISTICS {remedy.target}",
        f"ANALYZE {remedy.table.sql} ({column})",
    )


@statements.register
def _(remedy: SetTableOptions) -> tuple[str, ...]:
    return _alter(remedy.table, f"SET ({', '.join(f'{name} = {value}' for name, value in remedy.options)})")


@statements.register
def _(remedy: SetViewInvoker) -> tuple[str, ...]:
    return (f"ALTER VIEW {remedy.table.sql} SET (security_invoker = true)",)


@statements.register
def _(remedy: SetFunctionSearchPath) -> tuple[str, ...]:
    return (
        f"ALTER {remedy.kind} {remedy.table.sql}({remedy.arguments}) SET search_path = {remedy.search_path}",
    )


@statements.register
def _(remedy: SetRoleSetting) -> tuple[str, ...]:
    return (
        f"ALTER ROLE {identifier(remedy.role)} IN DATABASE {identifier(remedy.database)} "
        f"SET {remedy.setting} = {literal(remedy.value)}",
    )
