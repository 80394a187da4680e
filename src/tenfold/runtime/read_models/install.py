"""The statements that make a read model of a query, and take it away. Pure.

Each is one statement that may be run again, alone or in one transaction with the others. None has a colon,
which migration tools would take for a parameter.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from tenfold.errors import UsageError
from tenfold.runtime.quote import quoted_name, setting_name

#: Where the rows of all tenants lie, and the record of when they were refreshed.
SCHEMA = "tenfold_read_models"
RECORD = quoted_name(SCHEMA, "model")


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one read model. Every name is a word of letters, digits and underscores."""

    #: As people write it: schema and name.
    model: str
    view: tuple[str, str]
    freshness: tuple[str, str]
    #: How the materialized views of this model begin, whatever their definition.
    family: str
    storage: str
    tenant_column: str
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]

    @property
    def stored(self) -> str:
        """The materialized view, quoted."""
        return quoted_name(SCHEMA, self.storage)

    @property
    def lock(self) -> int:
        """The advisory lock of whoever refreshes or exchanges it."""
        return _lock(self.model)


def install_statements(
    names: Names,
    query: str,
    readers: Sequence[str],
    setting: str,
    tenant_type: type[int] | type[uuid.UUID],
    with_data: bool,
) -> list[str]:
    """Raises UsageError."""
    if isinstance(readers, str) or not readers or not all(isinstance(each, str) for each in readers):
        raise UsageError(f"{names.model}: readers are the names of the roles that may read the view")
    if tenant_type not in (int, uuid.UUID):
        raise UsageError("tenant_type is uuid.UUID or int")
    return [
        _prepared(),
        # The query ends with its line, for its last may be a comment.
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {names.stored} AS\n{query}\nWITH NO DATA",
        *_indexes(names),
        _shown(names, readers, setting_name(setting), tenant_type, with_data),
    ]


def drop_statements(names: Names) -> list[str]:
    return [
        _block(
            "former text;",
            f"""
  PERFORM pg_catalog.pg_advisory_xact_lock({names.lock});
  DROP VIEW IF EXISTS {quoted_name(*names.freshness)}, {quoted_name(*names.view)};
  {_drop_stored(names, but="")}
  DELETE FROM {RECORD} WHERE name = '{names.model}';""",
        )
    ]


# --- what stands before all read models -------------------------------------------------------------------


def _prepared() -> str:
    return _block(
        "holder text;",
        f"""
  PERFORM pg_catalog.pg_advisory_xact_lock({_lock("")});
  IF pg_catalog.to_regnamespace('{SCHEMA}') IS NULL THEN
    CREATE SCHEMA {quoted_name(SCHEMA)};
    {_take_rights(f"SCHEMA {quoted_name(SCHEMA)}", f"pg_namespace WHERE nspname = '{SCHEMA}'", "nsp")}
  END IF;
  IF pg_catalog.to_regclass('{RECORD}') IS NULL THEN
    CREATE TABLE {RECORD} (
      name text PRIMARY KEY,
      storage text NOT NULL,
      refreshes bigint NOT NULL DEFAULT 0,
      refreshed_at timestamptz,
      seconds double precision,
      rows bigint,
      failures integer NOT NULL DEFAULT 0,
      failed_at timestamptz,
      error text
    );
    {_take_rights_of_relation(RECORD)}
  END IF;""",
    )


def _lock(model: str) -> int:
    digest = blake2b(f"tenfold read model {model}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


# --- the rows of all tenants ---------------------------------------------------------------------------


def _indexes(names: Names) -> list[str]:
    found = [("UNIQUE INDEX", "key", names.key)]
    found += [("INDEX", f"i{number}", columns) for number, columns in enumerate(names.indexes, 1)]
    return [
        f"CREATE {kind} IF NOT EXISTS {quoted_name(f'{names.storage}_{end}')} ON {names.stored}"
        f" ({', '.join(map(quoted_name, columns))})"
        for kind, end, columns in found
    ]


# --- what a tenant sees of them --------------------------------------------------------------------------


def _shown(
    names: Names,
    readers: Sequence[str],
    setting: str,
    tenant_type: type[int] | type[uuid.UUID],
    with_data: bool,
) -> str:
    """Fills the materialized view, and puts it behind the view of the model: all of it, or nothing."""
    view, freshness = quoted_name(*names.view), quoted_name(*names.freshness)
    roles = ", ".join(map(quoted_name, readers))
    kept = _literal(names.storage)
    return _block(
        "holder text; former text; had text; began timestamptz;",
        f"""
  {_take_rights_of_relation(names.stored)}
  {"".join(_require_no_right(names, reader) for reader in readers)}
  {_fill(names) if with_data else ""}
  -- A refresh that is under way is waited for here, before anything is locked that readers need.
  PERFORM pg_catalog.pg_advisory_xact_lock({names.lock});
  IF NOT EXISTS (SELECT FROM {RECORD} WHERE name = {_literal(names.model)})
     AND (pg_catalog.to_regclass({_literal(view)}) IS NOT NULL
       OR pg_catalog.to_regclass({_literal(freshness)}) IS NOT NULL) THEN
    RAISE EXCEPTION '% or % exists and is no read model; drop it, or name the model otherwise',
      {_literal(view)}, {_literal(freshness)} USING ERRCODE = 'duplicate_table';
  END IF;
  {_view(names, setting, tenant_type)}
  INSERT INTO {RECORD} AS r (name, storage, refreshed_at)
  VALUES ({_literal(names.model)}, {kept}, began)
  ON CONFLICT (name) DO UPDATE SET
    storage = {kept}, failures = 0, failed_at = NULL, error = NULL,
    seconds = CASE WHEN r.storage = {kept} THEN r.seconds END,
    rows = CASE WHEN r.storage = {kept} THEN r.rows END,
    refreshed_at = CASE WHEN began IS NULL AND r.storage = {kept} THEN r.refreshed_at ELSE began END;
  CREATE OR REPLACE VIEW {freshness} WITH (security_barrier) AS
    SELECT refreshed_at FROM {RECORD} WHERE name = {_literal(names.model)};
  {_take_rights_of_relation(view)}
  {_take_rights_of_relation(freshness)}
  GRANT SELECT ON {view}, {freshness} TO {roles};
  {_drop_stored(names, but=names.storage)}""",
    )


def _fill(names: Names) -> str:
    # With row_security off the server refuses a query that a policy would thin out.
    return f"""
  IF NOT (SELECT relispopulated FROM pg_catalog.pg_class
           WHERE oid = CAST({_literal(names.stored)} AS pg_catalog.regclass)) THEN
    had = pg_catalog.current_setting('row_security');
    PERFORM pg_catalog.set_config('row_security', 'off', true);
    began = pg_catalog.clock_timestamp();
    REFRESH MATERIALIZED VIEW {names.stored};
    PERFORM pg_catalog.set_config('row_security', had, true);
    ANALYZE {names.stored};
  END IF;"""


def _view(names: Names, setting: str, tenant_type: type[int] | type[uuid.UUID]) -> str:
    """The setting is cast and not the column, and is read once, so that the index of the key serves."""
    view, cast = quoted_name(*names.view), "uuid" if tenant_type is uuid.UUID else "int8"
    shown = f"""VIEW {view} WITH (security_barrier) AS
      SELECT * FROM {names.stored}
       WHERE {quoted_name(names.tenant_column)} = CAST(
         NULLIF(pg_catalog.current_setting({_literal(setting)}, true), '') AS pg_catalog.{cast})"""
    return f"""
  BEGIN
    CREATE OR REPLACE {shown};
  EXCEPTION WHEN invalid_table_definition THEN
    -- Columns were taken away or are of another type now.
    DROP VIEW {view};
    CREATE {shown};
  END;"""


def _require_no_right(names: Names, reader: str) -> str:
    return f"""
  IF pg_catalog.has_table_privilege({_literal(reader)}, {_literal(names.stored)}, 'SELECT') THEN
    RAISE EXCEPTION 'role % would read the rows of all tenants; name readers that neither own the read model'
      ' nor are a superuser or a member of its owner or of pg_read_all_data', {_literal(reader)}
      USING ERRCODE = 'insufficient_privilege';
  END IF;"""


def _drop_stored(names: Names, *, but: str) -> str:
    return f"""
  FOR former IN
    SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = '{SCHEMA}' AND c.relkind = 'm' AND c.relname <> {_literal(but)}
       AND pg_catalog.starts_with(c.relname, {_literal(names.family)})
  LOOP
    EXECUTE 'DROP MATERIALIZED VIEW {SCHEMA}.' || former;
  END LOOP;"""


# --- rights ----------------------------------------------------------------------------------------------


def _take_rights_of_relation(relation: str) -> str:
    return _take_rights(
        relation, f"pg_class WHERE oid = CAST({_literal(relation)} AS pg_catalog.regclass)", "rel"
    )


def _take_rights(what: str, catalog: str, prefix: str) -> str:
    """Default privileges give rights away from the start: all that are not the owner's are taken back."""
    return f"""
  FOR holder IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
           ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
      FROM (SELECT {prefix}acl AS acl, {prefix}owner AS owner FROM pg_catalog.{catalog}) o,
           pg_catalog.aclexplode(o.acl) a
     WHERE a.grantee <> o.owner
  LOOP
    EXECUTE {_literal(f"REVOKE ALL ON {what} FROM ")} || holder || ' CASCADE';
  END LOOP;"""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _block(declared: str, body: str) -> str:
    tag = "$tenfold$"
    # Names of roles are the only part that is not of letters, digits and underscores.
    if tag in body:
        raise UsageError(f"a role cannot have {tag} in its name here")
    return f"DO {tag}\nDECLARE {declared}\nBEGIN{body}\nEND\n{tag}"
