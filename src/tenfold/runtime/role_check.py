"""Whether row-level security binds the role that the application connects as."""

from __future__ import annotations

from tenfold.errors import UnsafePolicyError, UnsafeRoleError
from tenfold.runtime.drivers import Connection

# MEMBER also counts roles that are only reached by SET ROLE.
_QUERY = """
SELECT r.rolname::text, r.rolsuper, r.rolbypassrls,
       ARRAY(SELECT o.rolname::text FROM pg_catalog.pg_roles o
              WHERE (o.rolsuper OR o.rolbypassrls) AND o.oid <> r.oid
                AND pg_catalog.pg_has_role(r.oid, o.oid, 'MEMBER')
              ORDER BY 1 LIMIT 5) AS may_become,
       ARRAY(SELECT c.oid::regclass::text FROM pg_catalog.pg_class c
              WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT c.relforcerowsecurity
                AND pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')
              ORDER BY 1 LIMIT 5) AS owned
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = current_user
"""


# An IMMUTABLE function without arguments is computed when a plan is made, and a plan is kept for all tenants.
_FOLDED = """
SELECT DISTINCT p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_policy y
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = y.oid
   AND d.refclassid = 'pg_catalog.pg_proc'::regclass
  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
 WHERE p.provolatile = 'i' AND p.prosrc ILIKE '%current_setting%'
 ORDER BY 1 LIMIT 5
"""


async def require_bound_role(connection: Connection) -> None:
    """Raises UnsafeRoleError, with the reason, for a role that policies do not bind.

    Raises UnsafePolicyError where policies bind it and a kept plan would defeat them.
    """
    if folded := [row[0] for row in await connection.fetch(_FOLDED, ())]:
        raise UnsafePolicyError(
            f"policies call {', '.join(folded)}, which reads a setting and is marked IMMUTABLE: a kept plan"
            " shows one tenant's rows to another; run ALTER FUNCTION ... STABLE"
        )
    (row,) = await connection.fetch(_QUERY, ())
    name, superuser, bypasses, may_become, owned = (row[number] for number in range(5))
    if superuser or bypasses:
        what = "is a superuser" if superuser else "has BYPASSRLS"
    elif may_become:
        what = f"may become {', '.join(may_become)}, whom no policy binds"
    elif owned:
        what = f"owns {', '.join(owned)}, whose row security is not forced"
    else:
        return
    raise UnsafeRoleError(
        f"the role {name} {what}, so row-level security does not keep tenants apart; connect as another"
        " role, or say accept_unsafe_role=True"
    )
