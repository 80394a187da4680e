-- name: database_oid
-- The database that the session is in.
SELECT oid FROM pg_database WHERE datname = current_database();

-- name: set_all
-- Gives the session settings by name and value.
SELECT set_config(name, value, false)
  FROM unnest(%(names)s::text[], %(values)s::text[]) AS wanted (name, value);

-- name: known_settings
-- Those of the names that this server has.
SELECT name FROM pg_settings WHERE name = ANY (%(names)s::text[]);

-- name: missing_types
-- Types, by the names that format_type gives them, that this database lacks.
SELECT name
  FROM unnest(%(names)s::text[]) AS name
 WHERE to_regtype(name) IS NULL;

-- name: relations
-- Every relation that is not the system's, with its file's number.
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relfilenode
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: set_relations
-- Owners, rights, options and flags of row-level security; a source's role that is not there owns nothing.
UPDATE pg_class c
   SET relowner = coalesce(r.oid, c.relowner),
       relacl = w.acl::text[]::aclitem[],
       reloptions = coalesce(w.options::text[], c.reloptions),
       relrowsecurity = w.secured,
       relforcerowsecurity = w.forced
  FROM unnest(%(oids)s::oid[], %(owners)s::text[], %(acls)s::text[], %(options)s::text[],
              %(secured)s::bool[], %(forced)s::bool[])
       AS w (oid, owner, acl, options, secured, forced)
  LEFT JOIN pg_roles r ON r.rolname = w.owner
 WHERE c.oid = w.oid;

-- name: set_column_rights
-- Rights on single columns.
UPDATE pg_attribute a
   SET attacl = w.acl::text[]::aclitem[]
  FROM unnest(%(oids)s::oid[], %(columns)s::text[], %(acls)s::text[]) AS w (oid, name, acl)
 WHERE a.attrelid = w.oid AND a.attname = w.name;

-- name: set_schemas
-- Owners of schemas, and rights on them.
UPDATE pg_namespace n
   SET nspowner = coalesce(r.oid, n.nspowner), nspacl = w.acl::text[]::aclitem[]
  FROM unnest(%(names)s::text[], %(owners)s::text[], %(acls)s::text[]) AS w (name, owner, acl)
  LEFT JOIN pg_roles r ON r.rolname = w.owner
 WHERE n.nspname = w.name;

-- name: set_functions
-- Owners of functions, and rights on them.
UPDATE pg_proc p
   SET proowner = coalesce(r.oid, p.proowner), proacl = w.acl::text[]::aclitem[]
  FROM unnest(%(schemas)s::text[], %(names)s::text[], %(arguments)s::text[], %(owners)s::text[], %(acls)s::text[])
       AS w (schema_name, name, arguments, owner, acl)
  JOIN pg_namespace n ON n.nspname = w.schema_name
  LEFT JOIN pg_roles r ON r.rolname = w.owner
 WHERE p.pronamespace = n.oid AND p.proname = w.name
   AND pg_get_function_identity_arguments(p.oid) = w.arguments;

-- name: insert_foreign_keys
-- Foreign keys as the planner reads them: without triggers, of which a table that thousands refer to has twice
-- as many, read anew for each. The operators are those of the index that the key refers to; the names of keys
-- that have no such index or operators are left out.
WITH wanted AS (
    SELECT *
      FROM unnest(%(names)s::text[], %(relations)s::oid[], %(foreign_relations)s::oid[],
                  %(columns)s::text[], %(foreign_columns)s::text[], %(validated)s::bool[])
           AS w (name, relation, foreign_relation, column_names, foreign_column_names, validated)
), numbered AS (
    SELECT w.name, w.relation, w.foreign_relation, w.validated,
           array_agg(a.attnum ORDER BY n.ordinality) AS conkey,
           array_agg(b.attnum ORDER BY n.ordinality) AS confkey,
           array_agg(a.atttypid ORDER BY n.ordinality) AS types,
           array_agg(b.atttypid ORDER BY n.ordinality) AS foreign_types
      FROM wanted w
     CROSS JOIN unnest(w.column_names::text[], w.foreign_column_names::text[]) WITH ORDINALITY
           AS n (column_name, foreign_column_name, ordinality)
      JOIN pg_attribute a ON a.attrelid = w.relation AND a.attname = n.column_name
      JOIN pg_attribute b ON b.attrelid = w.foreign_relation AND b.attname = n.foreign_column_name
     GROUP BY w.name, w.relation, w.foreign_relation, w.validated
), indexed AS (
    SELECT k.*, i.indexrelid, o.across, o.same
      FROM numbered k
     CROSS JOIN LATERAL (
           SELECT x.indexrelid, x.indkey::int2[] AS indkey, x.indclass::oid[] AS indclass
             FROM pg_index x
            WHERE x.indrelid = k.foreign_relation AND x.indisunique AND x.indpred IS NULL
              AND x.indnkeyatts = cardinality(k.confkey)
              AND (x.indkey::int2[])[0:x.indnkeyatts - 1] @> k.confkey
            ORDER BY x.indisprimary DESC, x.indexrelid
            LIMIT 1) AS i
     CROSS JOIN LATERAL (
           SELECT array_agg(coalesce(across.amopopr, same.amopopr) ORDER BY p.position) AS across,
                  array_agg(same.amopopr ORDER BY p.position) AS same
             FROM generate_subscripts(k.confkey, 1) AS p (position)
             JOIN pg_opclass c ON c.oid = i.indclass[array_position(i.indkey, k.confkey[p.position])]
             LEFT JOIN pg_amop across
                    ON across.amopfamily = c.opcfamily AND across.amopstrategy = 3
                   AND across.amoplefttype = k.foreign_types[p.position]
                   AND across.amoprighttype = k.types[p.position]
             LEFT JOIN pg_amop same
                    ON same.amopfamily = c.opcfamily AND same.amopstrategy = 3
                   AND same.amoplefttype = c.opcintype AND same.amoprighttype = c.opcintype) AS o
), inserted AS (
    INSERT INTO pg_constraint (
           oid, conname, connamespace, contype, condeferrable, condeferred, conenforced, convalidated,
           conrelid, contypid, conindid, conparentid, confrelid, confupdtype, confdeltype, confmatchtype,
           conislocal, coninhcount, connoinherit, conperiod, conkey, confkey, conpfeqop, conppeqop, conffeqop)
    SELECT pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index'), k.name, r.relnamespace, 'f',
           false, false, true, k.validated,
           k.relation, 0, k.indexrelid, 0, k.foreign_relation, 'a', 'a', 's',
           true, 0, true, false, k.conkey, k.confkey, k.across, k.same, k.same
      FROM indexed k
      JOIN pg_class r ON r.oid = k.relation
     WHERE array_position(k.same, NULL) IS NULL
    RETURNING conrelid, conname
)
SELECT conrelid, conname::text FROM inserted;

-- name: set_has_foreign_keys
-- The planner looks for foreign keys where a table says that it has triggers.
UPDATE pg_class SET relhastriggers = true WHERE oid = ANY (%(relations)s::oid[]);

-- name: set_sizes
-- Pages, rows and files of relations.
UPDATE pg_class c
   SET relpages = w.pages,
       reltuples = w.rows,
       relallvisible = w.visible,
       relallfrozen = 0,
       relfilenode = w.node
  FROM unnest(%(oids)s::oid[], %(pages)s::int[], %(rows)s::float4[], %(visible)s::int[], %(nodes)s::oid[])
       AS w (oid, pages, rows, visible, node)
 WHERE c.oid = w.oid;

-- name: forget_statistics
-- Takes out the statistics of a former size.
DELETE FROM pg_statistic s
 USING pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = s.starelid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: make_incoming
-- Where statistics arrive by COPY.
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    schema_name text,
    relation_name text,
    column_name text,
    column_number int,
    inherited boolean,
    null_frac float4,
    avg_width int,
    n_distinct float4,
    common_values text[],
    common_frequencies float4[],
    histogram text[],
    correlation float4,
    common_elements text[],
    common_element_frequencies float4[],
    element_count_histogram float4[],
    range_lengths float8[],
    empty_range_frac float4,
    range_bounds text[]
);

-- name: restore_statistics
-- Writes what arrived into pg_statistic; the rows that the server would not take whole.
SELECT schema_name, relation_name, column_name, column_number
  FROM incoming
 WHERE NOT CASE WHEN column_name IS NULL
           THEN pg_restore_attribute_stats(
                'schemaname', schema_name, 'relname', relation_name, 'attnum', column_number::int2,
                'inherited', inherited, 'null_frac', null_frac, 'avg_width', avg_width, 'n_distinct', n_distinct,
                'most_common_vals', common_values::text, 'most_common_freqs', common_frequencies,
                'histogram_bounds', histogram::text, 'correlation', correlation)
           ELSE pg_restore_attribute_stats(
                'schemaname', schema_name, 'relname', relation_name, 'attname', column_name,
                'inherited', inherited, 'null_frac', null_frac, 'avg_width', avg_width, 'n_distinct', n_distinct,
                'most_common_vals', common_values::text, 'most_common_freqs', common_frequencies,
                'histogram_bounds', histogram::text, 'correlation', correlation,
                'most_common_elems', common_elements::text,
                'most_common_elem_freqs', common_element_frequencies,
                'elem_count_histogram', element_count_histogram,
                'range_length_histogram', range_lengths::text, 'range_empty_frac', empty_range_frac,
                'range_bounds_histogram', range_bounds::text)
            END;

-- name: empty_incoming
-- Makes room for the next ones.
TRUNCATE incoming;

-- name: statistics_objects
-- Every CREATE STATISTICS that is not the system's: its table, its columns and expressions as they are kept.
SELECT n.nspname::text, s.stxname::text, s.oid,
       quote_ident(m.nspname) || '.' || quote_ident(c.relname),
       ARRAY(SELECT a.attname::text
               FROM unnest(s.stxkeys::int2[]) WITH ORDINALITY AS k (number, position)
               JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = k.number
              ORDER BY k.position),
       coalesce(pg_get_statisticsobjdef_expressions(s.oid), '{}')
  FROM pg_statistic_ext s
  JOIN pg_namespace n ON n.oid = s.stxnamespace
  JOIN pg_class c ON c.oid = s.stxrelid
  JOIN pg_namespace m ON m.oid = c.relnamespace;

-- name: insert_extended_statistics
-- What ANALYZE found for one of them, in the server's binary forms; what it has of expressions comes after.
INSERT INTO pg_statistic_ext_data (stxoid, stxdinherit, stxdndistinct, stxddependencies, stxdmcv)
SELECT %(oid)s::oid, %(inherited)s, %(n_distinct)s::bytea::pg_ndistinct,
       %(dependencies)s::bytea::pg_dependencies, %(common)s::bytea::pg_mcv_list;

-- name: made_common_combinations
-- The list of common combinations that ANALYZE made of a table of the twin's own.
SELECT d.stxdmcv::bytea
  FROM pg_statistic_ext s
  JOIN pg_statistic_ext_data d ON d.stxoid = s.oid
 WHERE s.stxname = %(name)s AND s.stxnamespace = to_regnamespace('tenfold_twin');

-- name: items_of_common_combinations
-- Its combinations in order, as text.
SELECT i.values
  FROM pg_statistic_ext s
  JOIN pg_statistic_ext_data d ON d.stxoid = s.oid
 CROSS JOIN LATERAL pg_mcv_list_items(d.stxdmcv) AS i
 WHERE s.stxname = %(name)s AND s.stxnamespace = to_regnamespace('tenfold_twin')
 ORDER BY i.index;

-- name: forget_statistics_of
-- Takes out the column statistics of a table of the twin's own.
DELETE FROM pg_statistic WHERE starelid = to_regclass(format('tenfold_twin.%%I', %(name)s::text));

-- name: set_expression_statistics
-- Gives statistics of expressions the column statistics of a table of the twin's own.
UPDATE pg_statistic_ext_data d
   SET stxdexpr = (SELECT array_agg(s ORDER BY s.staattnum)
                     FROM pg_statistic s
                    WHERE s.starelid = to_regclass(format('tenfold_twin.%%I', %(name)s::text)))
 WHERE d.stxoid = %(oid)s::oid AND d.stxdinherit = %(inherited)s;

-- name: expression_types
-- Types of the expressions that indexes have for keys.
SELECT n.nspname::text, c.relname::text, a.attnum::int, format_type(a.atttypid, a.atttypmod)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE i.indexprs IS NOT NULL AND i.indkey[a.attnum - 1] = 0
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: set_index_shown
-- Hides an index from the planner, or shows it again.
UPDATE pg_index SET indisvalid = %(shown)s WHERE indexrelid = %(oid)s::oid;

-- name: set_node
-- Lets a relation live in another file.
UPDATE pg_class SET relfilenode = %(node)s::oid WHERE oid = %(oid)s::oid;

-- name: table_indexes
-- Indexes of some tables, in the order of a snapshot's fields; nothing is built, so pages and rows are 0.
SELECT i.indexrelid, i.indrelid, x.relname::text, m.amname::text, i.indkey::int2[]::int[], i.indnkeyatts::int,
       i.indclass::oid[], i.indoption::int2[]::int[], i.indcollation::oid[],
       i.indisunique, i.indisprimary, i.indisexclusion, i.indisvalid, i.indisready,
       pg_get_indexdef(i.indexrelid), 0, 0::float8, NULL::bigint,
       CASE WHEN i.indexprs IS NOT NULL THEN
            ARRAY(SELECT pg_get_indexdef(i.indexrelid, position, true)
                    FROM generate_series(1, i.indnkeyatts) AS position
                   WHERE i.indkey[position - 1] = 0
                   ORDER BY position) END,
       pg_get_expr(i.indpred, i.indrelid),
       CASE WHEN i.indexprs IS NOT NULL OR i.indpred IS NOT NULL THEN
            ARRAY(SELECT DISTINCT d.refobjsubid FROM pg_depend d
                   WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0
                   ORDER BY d.refobjsubid) END,
       i.indnullsnotdistinct, i.indisclustered, i.indisreplident, x.reloptions
  FROM pg_index i
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_am m ON m.oid = x.relam
 WHERE i.indrelid = ANY (%(tables)s::oid[])
 ORDER BY i.indexrelid;

-- name: opclass_name
-- An operator class's name and method.
SELECT o.opcname::text, m.amname::text
  FROM pg_opclass o
  JOIN pg_am m ON m.oid = o.opcmethod
 WHERE o.oid = %(oid)s::oid;
