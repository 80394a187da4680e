"""Conditions that tell from the catalog whether something is so, as SQL text.

Each is a boolean expression that is never null and raises for no state of the catalog on PostgreSQL 13 to 18:
objects are looked up by name, and a missing one makes the condition false. `asks` makes a query of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.model.ddl import identifier, literal
from tenfold.model.remedy import Table

# Under this path every name in a deparsed expression is written with its schema, as in the snapshot.
_QUALIFYING = "WITH path AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', 'pg_catalog', true))"

_IDENTITY = "pg_catalog.pg_get_function_identity_arguments(p.oid)"


def asks(*conditions: str) -> str:
    """The query of one boolean: whether all of the conditions hold."""
    return f"SELECT {both(*conditions)}"


def asks_deparsed(*conditions: str) -> str:
    """As `asks`, where a condition compares text that the server deparses."""
    return f"{_QUALIFYING} SELECT {both(*conditions)} FROM path"


def both(*conditions: str) -> str:
    return " AND ".join(conditions)


def either(*conditions: str) -> str:
    return f"({' OR '.join(conditions)})"


def negated(condition: str) -> str:
    return f"NOT {condition}"


def relation(table: Table) -> str:
    """The relation's oid, null where it is missing."""
    return f"pg_catalog.to_regclass({literal(table.sql)})"


def _role(name: str) -> str:
    return f"pg_catalog.to_regrole({literal(identifier(name))})"


def _exists(catalog: str, *conditions: str) -> str:
    return f"EXISTS (SELECT FROM pg_catalog.{catalog} WHERE {both(*conditions)})"


# --- columns -----------------------------------------------------------------------------------------


def column_exists(table: Table, column: str, *conditions: str) -> str:
    return _exists(
        "pg_attribute",
        f"attrelid = {relation(table)}",
        f"attname = {literal(column)}",
        "NOT attisdropped",
        *conditions,
    )


def column_not_null(table: Table, column: str) -> str:
    return column_exists(table, column, "attnotnull")


def statistics_target(table: Table, column: str, target: int) -> str:
    # The default is -1 before PostgreSQL 17 and null since.
    return column_exists(table, column, f"coalesce(attstattarget, -1) = {target}")


def statistics_exist(table: Table, column: str) -> str:
    return _exists(
        "pg_stats",
        f"schemaname = {literal(table.schema)}",
        f"tablename = {literal(table.name)}",
        f"attname = {literal(column)}",
    )


def analysed_since(table: Table, time: str) -> str:
    # Both times are null where it never was; greatest() leaves nulls out.
    last = "greatest(last_analyze, last_autoanalyze)"
    return _exists(
        "pg_stat_all_tables", f"relid = {relation(table)}", f"{last} > {literal(time)}::timestamptz"
    )


# --- indexes and constraints -------------------------------------------------------------------------


def index_valid(table: Table, name: str, *conditions: str) -> str:
    return _exists(
        "pg_index",
        f"indexrelid = {relation(Table(table.schema, name))}",
        f"indrelid = {relation(table)}",
        "indisvalid",
        *conditions,
    )


def index_exists(table: Table, name: str) -> str:
    return _exists(
        "pg_index",
        f"indexrelid = {relation(Table(table.schema, name))}",
        f"indrelid = {relation(table)}",
    )


def constraint_exists(table: Table, name: str, *conditions: str) -> str:
    return _exists(
        "pg_constraint", f"conrelid = {relation(table)}", f"conname = {literal(name)}", *conditions
    )


def constraint_validated(table: Table, name: str) -> str:
    return constraint_exists(table, name, "convalidated")


def trigger_exists(table: Table, name: str) -> str:
    return _exists("pg_trigger", f"tgrelid = {relation(table)}", f"tgname = {literal(name)}")


# --- row-level security ------------------------------------------------------------------------------


def rls_enabled(table: Table) -> str:
    return _exists("pg_class", f"oid = {relation(table)}", "relrowsecurity")


def rls_forced(table: Table) -> str:
    return _exists("pg_class", f"oid = {relation(table)}", "relforcerowsecurity")


def policy_exists(table: Table, name: str, *conditions: str) -> str:
    return _exists("pg_policy", f"polrelid = {relation(table)}", f"polname = {literal(name)}", *conditions)


def policy_using_changed(table: Table, name: str, old: str | None) -> str:
    return policy_exists(table, name, _changed("polqual", old))


def policy_check_changed(table: Table, name: str, old: str | None) -> str:
    return policy_exists(table, name, _changed("polwithcheck", old))


def _changed(column: str, old: str | None) -> str:
    deparsed = f"pg_catalog.pg_get_expr({column}, polrelid)"
    return f"{deparsed} IS DISTINCT FROM {'NULL' if old is None else literal(old)}"


# --- options and settings ----------------------------------------------------------------------------


def options_set(table: Table, options: Iterable[tuple[str, str]]) -> str:
    wanted = ", ".join(literal(f"{name}={value}") for name, value in options)
    return _exists("pg_class", f"oid = {relation(table)}", f"reloptions @> ARRAY[{wanted}]::text[]")


def role_setting(role: str, database: str, setting: str, value: str) -> str:
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_db_role_setting AS s"
        " JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase"
        f" WHERE s.setrole = {_role(role)} AND d.datname = {literal(database)}"
        f" AND {literal(f'{setting}={value}')} = ANY (s.setconfig))"
    )


def function_search_path(function: Table, arguments: str | None, old: str | None) -> str:
    """Whether the function has a search_path of its own, other than the old one.

    `arguments` tells it from others of its name, as pg_get_function_identity_arguments writes them.
    """
    told = "" if arguments is None else f" AND {_IDENTITY} = {literal(arguments)}"
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_proc AS p"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace,"
        " pg_catalog.unnest(p.proconfig) AS setting"
        f" WHERE n.nspname = {literal(function.schema)} AND p.proname = {literal(function.name)}"
        f"{told}"
        " AND pg_catalog.starts_with(setting, 'search_path=')"
        + (f" AND setting <> {literal(f'search_path={old}')}" if old is not None else "")
        + ")"
    )


# --- privileges --------------------------------------------------------------------------------------


def holds(role: str, objects: Iterable[tuple[str, str, str]]) -> str:
    """Whether the role holds them all: triples of kind (table, sequence, schema), SQL name, privilege."""
    checks = [_holds(_role(role), *each) for each in objects]
    return both(*(f"coalesce({check}, false)" for check in checks))


def _holds(role: str, kind: str, name: str, privilege: str) -> str:
    find = "to_regnamespace" if kind == "schema" else "to_regclass"
    return (
        f"pg_catalog.has_{kind}_privilege({role}, pg_catalog.{find}({literal(name)}), {literal(privilege)})"
    )


def granted(table: Table, role: str, privileges: Iterable[str]) -> str:
    """Whether the relation's own access list grants the role (`public`: everyone) any of the privileges."""
    wanted = ", ".join(literal(privilege) for privilege in privileges)
    grantee = "0" if role == "public" else _role(role)
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a"
        f" WHERE c.oid = {relation(table)} AND a.grantee = {grantee} AND a.privilege_type IN ({wanted}))"
    )
