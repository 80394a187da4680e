"""Whether read models are in the database as declared, filled by whom no policy binds, and closed."""

from __future__ import annotations

from tenfold.errors import ReadModelError
from tenfold.runtime.quote import quoted_name
from tenfold.runtime.read_models.install import SCHEMA
from tenfold.runtime.read_models.model import ReadModel
from tenfold.runtime.read_models.record import not_installed, require_as_declared, state_of
from tenfold.runtime.session import Session

_MAY_RECORD = f"""
SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = '{SCHEMA}' AND c.relname = 'model'
"""
# Stored trees are read as they are: pg_get_expr and pg_get_viewdef wait for whoever has locked their tables.
_TRUE = r"^\{CONST :consttype 16 .*:constisnull false .*:constvalue 1 \[ 1 "
_READS_SETTING = """(
    ':funcid (' || 'pg_catalog.current_setting(text)'::pg_catalog.regprocedure::oid
    || '|' || 'pg_catalog.current_setting(text, bool)'::pg_catalog.regprocedure::oid || ') ')"""
# A refresh reads as the owner of the materialized view, and a view in it as its own owner, unless the view
# reads as whoever asks. A policy `USING (true)` shows all of a table, where no restrictive one takes any of
# it away. Grants are followed to readers, who may be members of a role that has the right.
_READS = f"""
WITH RECURSIVE stored AS (
  SELECT c.oid, c.relowner, c.relacl FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)
), reads(relation, reader, again) AS (
  SELECT oid, relowner, true FROM stored
  UNION
  SELECT c.oid, CASE WHEN c.relkind = 'v' AND i.invoker IS NULL THEN c.relowner ELSE r.reader END,
         c.relkind = 'v'
    FROM reads r
    JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.relation
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
     AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
     AND d.refobjid <> r.relation
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
    LEFT JOIN LATERAL (
      SELECT true AS invoker FROM pg_catalog.pg_options_to_table(c.reloptions) o
       WHERE o.option_name = 'security_invoker' AND o.option_value::bool) i ON true
   WHERE r.again
), binding AS (
  SELECT r.reader, t.oid AS relation, coalesce((
           SELECT pg_catalog.bool_and(p.polpermissive)
                  AND pg_catalog.bool_or(p.polqual::pg_catalog.text ~ '{_TRUE}')
             FROM pg_catalog.pg_policy p
            WHERE p.polrelid = t.oid AND p.polcmd IN ('*', 'r')
              AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS bound(role)
                           WHERE bound.role = 0 OR pg_catalog.pg_has_role(r.reader, bound.role, 'USAGE'))
         ), false) AS shows_all
    FROM reads r JOIN pg_catalog.pg_class t ON t.oid = r.relation
    JOIN pg_catalog.pg_roles o ON o.oid = r.reader
   WHERE t.relkind IN ('r', 'p') AND t.relrowsecurity AND NOT (o.rolsuper OR o.rolbypassrls)
     AND (t.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.reader, t.relowner, 'USAGE'))
)"""
_SHOWN_ALL = f"{_READS} SELECT coalesce(pg_catalog.bool_and(shows_all), false) FROM binding"
_STORED = f"""{_READS}
SELECT pg_catalog.pg_get_userbyid(s.relowner)::text AS owner,
       pg_catalog.pg_has_role(s.relowner, 'USAGE') AS owned,
       ARRAY(SELECT DISTINCT reader::pg_catalog.regrole::text || ' in ' || relation::pg_catalog.regclass::text
               FROM binding WHERE NOT shows_all ORDER BY 1) AS bound,
       ARRAY(SELECT DISTINCT r.relation::pg_catalog.regclass::text FROM reads r
               JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.relation
              WHERE r.again AND r.relation <> s.oid AND w.ev_action::pg_catalog.text ~ {_READS_SETTING}
              ORDER BY 1) AS picking,
       ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
               FROM pg_catalog.aclexplode(s.relacl) a WHERE a.grantee <> s.relowner
              UNION
             SELECT pg_catalog.pg_get_userbyid(a.grantee)::text
               FROM pg_catalog.pg_class v, pg_catalog.aclexplode(v.relacl) a
              WHERE v.oid = pg_catalog.to_regclass($2) AND a.grantee NOT IN (0, v.relowner)
                AND pg_catalog.has_any_column_privilege(a.grantee, s.oid, 'SELECT')
              ORDER BY 1) AS exposed
  FROM stored s
"""


async def shown_all_by_policies(session: Session, model: ReadModel) -> bool:
    """Policies bind whoever fills it, and each shows all rows: so `row_security = off`, which refuses to ask
    under any policy, would refuse for nothing."""
    return bool(await session.fetch_value(_SHOWN_ALL, quoted_name(SCHEMA, model.names.storage)))


async def require_sound(session: Session, model: ReadModel) -> ReadModelError | None:
    """What to warn of: it is declared otherwise. Raises ReadModelError for all that is worse."""
    may_record = await session.fetch_value(_MAY_RECORD)
    if may_record is None:
        raise not_installed(model)
    if not may_record:
        raise ReadModelError(
            f"the role may not record refreshes in the schema {SCHEMA}; connect as the owner of the read"
            " models or a member of it"
        )
    state = await state_of(session, model)
    row = await session.fetch_row(_STORED, quoted_name(SCHEMA, state.storage), quoted_name(*model.names.view))
    if row is None:
        raise not_installed(model)
    if not row["owned"]:
        raise ReadModelError(
            f"only {row['owner']}, and its members, may refresh the read model {model}; connect as one"
        )
    if row["bound"]:
        raise ReadModelError(
            f"a refresh of the read model {model} would lose rows, for row-level security binds"
            f" {', '.join(row['bound'])}; give the read model to a role that has BYPASSRLS, or"
            " that a policy USING (true) of its own shows all rows"
        )
    if row["picking"]:
        raise ReadModelError(
            f"the read model {model} reads {', '.join(row['picking'])}, where a setting picks the rows, and a"
            " refresh is of no tenant; read the tables behind"
        )
    if row["exposed"]:
        raise ReadModelError(
            f"{', '.join(row['exposed'])} may read the rows of all tenants in {SCHEMA}.{state.storage}, past"
            f" the view {model}; revoke the right"
        )
    try:
        require_as_declared(model, state)
    except ReadModelError as error:
        return error
    return None
