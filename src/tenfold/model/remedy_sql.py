"""The SQL of a remedy: the only place where it is composed."""

from __future__ import annotations

from functools import singledispatch

import msgspec

from tenfold.model.ddl import identifier, literal, names, qualified
from tenfold.model.remedy import (
    AddForeignKey,
    AddTenantColumn,
    AlterPolicy,
    CreateIndex,
    CreatePolicy,
    DropConstraint,
    DropIndex,
    DropPolicy,
    EnableRls,
    ForceRls,
    GrantTable,
    RebuildIndex,
    RevokeTable,
    SetFunctionSearchPath,
    SetNotNull,
    SetRoleSetting,
    SetStatistics,
    SetTableOptions,
    SetViewInvoker,
    Table,
    ValidateConstraint,
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
        + (f" {remedy.deferral}" if remedy.deferral else "")
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
