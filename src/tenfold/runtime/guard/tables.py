"""The tables that have the tenant column, as the catalog of a server knows them, or as one is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tenfold.errors import UsageError
from tenfold.runtime.drivers import Row

#: $1 is the tenant column. Tables, partitioned and foreign ones, views and materialized views.
QUERY = """
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_table_is_visible(c.oid),
       (SELECT count(*) FROM pg_catalog.pg_attribute b
         WHERE b.attrelid = c.oid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped)::int,
       a.atthasdef OR a.attidentity <> '',
       ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k
              WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x') AND a.attnum = ANY (k.conkey))
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attname = $1 AND a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp_)'
"""


class TenantTable(NamedTuple):
    """A relation with the tenant column. What is not known makes the guard ask for more words, never less."""

    schema: str
    name: str
    #: Its name without the schema means it.
    is_visible: bool = True
    #: The place of the tenant column, from 1: for `INSERT` without names of columns.
    position: int | None = None
    #: The server fills the tenant column where an `INSERT` leaves it out.
    has_default: bool = False
    #: Names of unique and exclusion constraints with the tenant column: for `ON CONFLICT ON CONSTRAINT`.
    keys: frozenset[str] = frozenset()


class Tables:
    """Tenant tables by name, with and without schema. Those that are exempt are not among them."""

    def __init__(self, tables: Iterable[TenantTable], exempt: Iterable[str] = ()) -> None:
        out = {_parts(name) for name in exempt}
        self._by_name: dict[tuple[str, str], TenantTable] = {}
        for table in tables:
            if (table.schema, table.name) in out or ("", table.name) in out:
                continue
            self._by_name[table.schema, table.name] = table
            if table.is_visible:
                self._by_name["", table.name] = table

    def find(self, schema: str, name: str) -> TenantTable | None:
        """The tenant table of this name; the schema is empty where none is written."""
        return self._by_name.get((schema, name))

    def __bool__(self) -> bool:
        return bool(self._by_name)


def told(tables: Iterable[str | TenantTable]) -> list[TenantTable]:
    """Tables by name: `leads`, or `crm.leads` for one that is only meant with its schema."""
    return [each if isinstance(each, TenantTable) else _named(each) for each in tables]


def read(rows: Iterable[Row | Sequence[Any]]) -> list[TenantTable]:
    """The tables in the answer to QUERY."""
    return [
        TenantTable(str(row[0]), str(row[1]), bool(row[2]), int(row[3]), bool(row[4]), frozenset(row[5]))
        for row in rows
    ]


def _named(name: str) -> TenantTable:
    schema, table = _parts(name)
    return TenantTable(schema or "public", table, is_visible=not schema)


def _parts(name: str) -> tuple[str, str]:
    schema, dot, table = name.rpartition(".")
    if not table or (dot and not schema):
        raise UsageError(f"{name!r} is no name of a table; give it as leads or crm.leads")
    return schema, table
