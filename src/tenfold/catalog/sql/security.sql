-- name: roles
-- Roles, with settings of the role everywhere and in this database.
SELECT r.oid, r.rolname::text, r.rolsuper, r.rolbypassrls, r.rolcanlogin, r.rolinherit, r.rolcreaterole,
       r.rolcreatedb, r.rolreplication, r.rolconnlimit,
       (SELECT array_agg(item ORDER BY s.setdatabase, item)
          FROM pg_db_role_setting s, unnest(s.setconfig) AS item
         WHERE s.setrole = r.oid
           AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
  FROM pg_roles r
 ORDER BY r.oid;

-- name: memberships
-- Who is a member of which role.
SELECT m.roleid, m.member, bool_or(m.admin_option),
       /*if membership_options*/ bool_or(m.inherit_option) /*else*/ bool_or(r.rolinherit) /*end*/,
       /*if membership_options*/ bool_or(m.set_option) /*else*/ true /*end*/
  FROM pg_auth_members m
  JOIN pg_roles r ON r.oid = m.member
 GROUP BY m.roleid, m.member
 ORDER BY m.roleid, m.member;

-- name: default_privileges
-- ALTER DEFAULT PRIVILEGES.
SELECT d.defaclrole, n.nspname::text, d.defaclobjtype::text, d.defaclacl::text[]
  FROM pg_default_acl d
  LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
 ORDER BY d.oid;

-- name: policies
-- Row-level security policies; what their expressions mention comes from pg_depend.
WITH mentions AS MATERIALIZED (
    SELECT p.oid,
           array_agg(DISTINCT d.refobjsubid ORDER BY d.refobjsubid)
             FILTER (WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid
                       AND d.refobjsubid > 0) AS columns,
           array_agg(DISTINCT d.refobjid ORDER BY d.refobjid)
             FILTER (WHERE d.refclassid = 'pg_proc'::regclass) AS functions,
           array_agg(DISTINCT d.refobjid ORDER BY d.refobjid)
             FILTER (WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid) AS relations
      FROM pg_depend d
      JOIN pg_policy p ON p.oid = d.objid
     WHERE d.classid = 'pg_policy'::regclass
     GROUP BY p.oid
)
SELECT p.oid,
       p.polrelid,
       p.polname::text,
       p.polcmd::text,
       p.polpermissive,
       p.polroles::oid[],
       CASE WHEN p.polrelid <> ALL (%(locked)s::oid[]) AND NOT coalesce(m.relations && %(locked)s::oid[], false)
            THEN pg_get_expr(p.polqual, p.polrelid) END,
       CASE WHEN p.polrelid <> ALL (%(locked)s::oid[]) AND NOT coalesce(m.relations && %(locked)s::oid[], false)
            THEN pg_get_expr(p.polwithcheck, p.polrelid) END,
       coalesce(m.columns, '{}'), coalesce(m.functions, '{}'), coalesce(m.relations, '{}')
  FROM pg_policy p
  LEFT JOIN mentions m ON m.oid = p.oid
 ORDER BY p.polrelid, p.oid;

-- name: functions
-- Functions and procedures that are not the system's. A body that the server keeps parsed is written like a
-- view, so the tables that it names must not be locked.
WITH sources AS MATERIALIZED (
    SELECT d.objid, array_agg(d.refobjid) AS reads
      FROM pg_depend d
     WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
     GROUP BY d.objid
)
SELECT p.oid,
       n.nspname::text,
       p.proname::text,
       pg_get_function_identity_arguments(p.oid),
       pg_get_function_result(p.oid),
       p.proowner,
       l.lanname::text,
       p.prokind::text,
       p.provolatile::text,
       p.prosecdef,
       p.proleakproof,
       p.prosrc,
       p.proconfig,
       p.proacl::text[],
       CASE WHEN p.prokind IN ('f', 'p') AND e.oid IS NULL AND NOT coalesce(s.reads && %(locked)s::oid[], false)
            THEN pg_get_functiondef(p.oid) END,
       e.extname::text
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  LEFT JOIN sources s ON s.objid = p.oid
  LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY p.oid;

-- name: operators
-- Operators and whether their functions are leakproof.
SELECT o.oid, o.oprname::text,
       CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) END,
       CASE WHEN o.oprright <> 0 THEN format_type(o.oprright, NULL) END,
       p.proname::text,
       p.proleakproof
  FROM pg_operator o
  JOIN pg_proc p ON p.oid = o.oprcode
 ORDER BY o.oid;
