"""Whether the tables of a hub keep two organizations apart, tried out as the application's role.

Two organizations are made up, each with a row in every table; the first then tries to see, take, change and
write the other's. It all happens in one transaction that is rolled back, with locks on rows that nobody knows
of: it may run beside a hub that serves.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import errors as pg_errors
from psycopg import sql

from tenfold_hub.kit.ids import new_id

COLUMN = "organization_id"

_TABLES = """
SELECT n.nspname, c.relname, c.oid,
       has_table_privilege(%(role)s, c.oid, 'SELECT') OR has_any_column_privilege(%(role)s, c.oid, 'SELECT'),
       has_table_privilege(%(role)s, c.oid, 'INSERT') OR has_any_column_privilege(%(role)s, c.oid, 'INSERT'),
       has_table_privilege(%(role)s, c.oid, 'UPDATE'),
       has_table_privilege(%(role)s, c.oid, 'DELETE'),
       has_table_privilege(%(role)s, c.oid, 'TRUNCATE')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
   AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p')
   AND (has_table_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE'))
 ORDER BY 1, 2
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull, a.atthasdef
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
 ORDER BY a.attnum
"""
_CHECKS = """
SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid = %s AND contype = 'c'
"""
_ORGANIZATION = "INSERT INTO identity.organizations (id, slug, name) VALUES (%s, %s, 'Scratch')"
_SCOPE = "SELECT set_config('app.organization_id', %s, true)"
_LITERAL = re.compile(r"'([^']+)'::text")
#: A currency is one of them, a name in small letters the other.
_WORDS = ("EUR", "eur")
_VALUES: Mapping[str, Any] = {
    "boolean": False,
    "bytea": b"\x00",
    "jsonb": "{}",
    "json": "{}",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "uuid[]": [],
    "text[]": [],
}


class Table(NamedTuple):
    schema: str
    name: str
    oid: int
    selects: bool
    inserts: bool
    updates: bool
    deletes: bool
    truncates: bool

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class Tried(NamedTuple):
    """What became of one table: `leaked` says how, `untried` why not."""

    table: str
    leaked: tuple[str, ...] = ()
    untried: str = ""


def try_all(connection: psycopg.Connection[Any], role: str) -> list[Tried]:
    """Every table that has an organization and that the role has a right to. Nothing of it stays.

    The connection is a superuser's, outside of a transaction.
    """
    ours, theirs = new_id(), new_id()
    with connection.transaction(force_rollback=True):
        # What is made up here refers to rows that are not there.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SET LOCAL lock_timeout = '2s'")
        for id in (ours, theirs):
            connection.execute(_ORGANIZATION, [id, f"scratch-{id}"])
        tables = [Table(*row) for row in connection.execute(_TABLES, {"role": role}).fetchall()]
        without = {
            table: why for table in tables if (why := _fill(connection, table, (ours, theirs))) is not None
        }
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        connection.execute(_SCOPE, [str(ours)])
        return [
            Tried(table.shown, tuple(_leaks(connection, table, ours, theirs)), without.get(table, ""))
            for table in tables
        ]


# --- what is tried -----------------------------------------------------------------------------------


def _leaks(
    connection: psycopg.Connection[Any], table: Table, ours: uuid.UUID, theirs: uuid.UUID
) -> Iterator[str]:
    named = {"table": table.sql}
    if table.truncates:
        yield "may be truncated"
    if table.selects:
        shown = sql.SQL(
            "SELECT count(*) FILTER (WHERE {c} = %s), count(*) FILTER (WHERE {c} <> %s) FROM {table}"
        )
        mine, others = _one(connection, shown.format(c=sql.Identifier(COLUMN), **named), [ours, ours]) or (
            1,
            0,
        )
        if others:
            yield "shows rows of other organizations"
        if not mine and not _hidden(connection, table, ours):
            yield "does not show rows of its own organization"
    if table.inserts:
        insert = sql.SQL("INSERT INTO {table} ({c}) VALUES (%s)").format(c=sql.Identifier(COLUMN), **named)
        # Policies are asked before the other columns are looked at: a row need not be whole to be refused.
        if not _refused(connection, insert, [theirs]):
            yield "takes rows of another organization"
        if _refused(connection, insert, [ours]):
            yield "takes no rows of its own organization"
    if table.updates and table.selects:
        move = sql.SQL("UPDATE {table} SET {c} = %s").format(c=sql.Identifier(COLUMN), **named)
        if not _refused(connection, move, [theirs]) and _reaches(connection, move, [theirs]):
            yield "lets rows be given to another organization"
        touch = sql.SQL("UPDATE {table} SET {c} = {c} WHERE {c} = %s").format(
            c=sql.Identifier(COLUMN), **named
        )
        if _reaches(connection, touch, [theirs]):
            yield "lets rows of another organization be changed"
    if table.deletes and table.selects:
        delete = sql.SQL("DELETE FROM {table} WHERE {c} = %s").format(c=sql.Identifier(COLUMN), **named)
        if _reaches(connection, delete, [theirs]):
            yield "lets rows of another organization be deleted"


def _one(connection: psycopg.Connection[Any], statement: sql.Composed, values: Sequence[Any]) -> Any:
    """None where it is refused."""
    try:
        with connection.transaction():
            return connection.execute(statement, values).fetchone()
    except psycopg.Error:
        return None


def _hidden(connection: psycopg.Connection[Any], table: Table, ours: uuid.UUID) -> bool:
    """Whether the table holds no row of ours that it could show."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL ROLE NONE")
        statement = sql.SQL("SELECT FROM {} WHERE {} = %s").format(table.sql, sql.Identifier(COLUMN))
        return connection.execute(statement, [ours]).fetchone() is None


def _refused(connection: psycopg.Connection[Any], statement: sql.Composed, values: Sequence[Any]) -> bool:
    """Whether a policy or a missing right says no; what else may be wrong with it does not count."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, values)
    except pg_errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


def _reaches(connection: psycopg.Connection[Any], statement: sql.Composed, values: Sequence[Any]) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(statement, values).rowcount > 0
    except pg_errors.InsufficientPrivilege:
        return False
    except psycopg.Error:
        return True  # it came to a row, and failed for another reason


# --- a row for each ----------------------------------------------------------------------------------


def _fill(
    connection: psycopg.Connection[Any], table: Table, organizations: Sequence[uuid.UUID]
) -> str | None:
    """Puts a row of each organization into the table; why it cannot, where it cannot."""
    columns = connection.execute(_COLUMNS, [table.oid]).fetchall()
    checks = [definition for (definition,) in connection.execute(_CHECKS, [table.oid]).fetchall()]
    why = ""
    for values in _rows(columns, checks):
        try:
            with connection.transaction():
                for organization in organizations:
                    _insert(connection, table, values | {COLUMN: organization})
                return None
        except psycopg.Error as error:
            why = why or f"no row could be made up for it ({type(error).__name__})"
    return why


def _rows(columns: Sequence[Any], checks: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows that the checks may allow: with what is needed alone, then with another column, too."""
    for word in _WORDS:
        needed = {
            name: _value(name, kind, checks, word)
            for name, kind, demanded, default in columns
            if demanded and not default
        }
        yield needed
        for name, kind, demanded, _ in columns:
            if not demanded:
                yield needed | {name: _value(name, kind, checks, word)}


def _value(name: str, kind: str, checks: Sequence[str], word: str) -> Any:
    if kind == "uuid":
        return uuid.uuid4()
    if kind in ("text", "character varying"):
        allowed = [_LITERAL.findall(check) for check in checks if re.search(rf"\b{name}\b", check)]
        literals = [literal for found in allowed for literal in found if literal.isidentifier()]
        return literals[0] if literals else word
    return _VALUES.get(kind, 1)


def _insert(connection: psycopg.Connection[Any], table: Table, values: Mapping[str, Any]) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            table.sql,
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        ),
        list(values.values()),
    )
