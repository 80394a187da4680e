-- name: schemas
-- Schemas that are not the system's.
SELECT n.oid, n.nspname::text, n.nspowner, n.nspacl::text[], e.extname::text
  FROM pg_namespace n
  LEFT JOIN pg_depend d ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY n.oid;

-- name: relations
-- Tables, partitioned tables, views, materialized views, foreign tables.
WITH members AS MATERIALIZED (
    SELECT d.objid, e.extname
      FROM pg_depend d
      JOIN pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
)
SELECT c.oid,
       n.nspname::text,
       c.relname::text,
       c.relkind::text,
       c.relpersistence::text,
       c.relowner,
       c.reltuples::float8,
       c.relpages,
       c.relallvisible,
       CASE WHEN c.relkind IN ('r', 'm') AND c.oid <> ALL (%(locked)s::oid[])
            THEN pg_relation_size(c.oid) END,
       CASE WHEN c.reltoastrelid <> 0 AND c.oid <> ALL (%(locked)s::oid[])
            THEN pg_total_relation_size(c.reltoastrelid) END,
       c.relrowsecurity,
       c.relforcerowsecurity,
       c.relispartition,
       CASE WHEN c.relkind = 'p' AND c.oid <> ALL (%(locked)s::oid[]) THEN pg_get_partkeydef(c.oid) END,
       CASE WHEN c.relispartition AND c.oid <> ALL (%(locked)s::oid[])
            THEN pg_get_expr(c.relpartbound, c.oid) END,
       c.reloptions,
       c.relacl::text[],
       a.amname::text,
       c.relreplident::text,
       CASE WHEN c.relfrozenxid <> '0' THEN age(c.relfrozenxid) ELSE 0 END,
       CASE WHEN c.relminmxid <> '0' THEN mxid_age(c.relminmxid) ELSE 0 END,
       k.description,
       e.extname::text
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am a ON a.oid = c.relam
  LEFT JOIN pg_description k
         ON k.classoid = 'pg_class'::regclass AND k.objoid = c.oid AND k.objsubid = 0
  LEFT JOIN members e ON e.objid = c.oid
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid;

-- name: inheritance
-- Partitions and inheriting tables with their parents.
SELECT i.inhrelid, i.inhparent
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
 ORDER BY i.inhrelid, i.inhseqno;

-- name: columns
-- Columns that are not dropped. To write an expression as text the server opens the relation, as it does in
-- the queries below: those of locked relations are left out.
SELECT a.attrelid,
       a.attnum::int,
       a.attname::text,
       format_type(a.atttypid, a.atttypmod),
       a.atttypid,
       t.typtype::text,
       t.typcategory::text,
       a.attnotnull,
       CASE WHEN a.atthasdef AND a.attrelid <> ALL (%(locked)s::oid[])
            THEN pg_get_expr(f.adbin, f.adrelid) END,
       a.attgenerated::text,
       a.attidentity::text,
       CASE WHEN a.attcollation <> t.typcollation THEN l.collname::text END,
       coalesce(a.attstattarget, -1)::int,
       k.description,
       a.attlen::int,
       a.attalign::text,
       a.attstorage::text,
       a.attacl::text[],
       CASE WHEN a.attcollation <> t.typcollation AND l.collnamespace <> 'pg_catalog'::regnamespace
            THEN s.nspname::text END
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_namespace s ON s.oid = l.collnamespace
  LEFT JOIN pg_description k
         ON k.classoid = 'pg_class'::regclass AND k.objoid = a.attrelid AND k.objsubid = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY a.attrelid, a.attnum;

-- name: constraints
-- Keys, foreign keys, checks, exclusions; NOT NULL ones where the server keeps them.
SELECT o.oid,
       o.conrelid,
       o.conname::text,
       o.contype::text,
       coalesce(o.conkey, '{}')::int[],
       o.convalidated,
       CASE WHEN o.conrelid <> ALL (%(locked)s::oid[]) THEN pg_get_constraintdef(o.oid) ELSE '' END,
       nullif(o.confrelid, 0),
       o.confkey::int[],
       CASE WHEN o.contype = 'f' THEN o.confupdtype::text ELSE '' END,
       CASE WHEN o.contype = 'f' THEN o.confdeltype::text ELSE '' END,
       CASE WHEN o.contype = 'f' THEN o.confmatchtype::text ELSE '' END,
       o.condeferrable,
       nullif(o.conindid, 0),
       nullif(o.conparentid, 0),
       /*if not_enforced*/ o.conenforced /*else*/ true /*end*/
  FROM pg_constraint o
  JOIN pg_namespace n ON n.oid = o.connamespace
 WHERE o.conrelid <> 0
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY o.conrelid, o.oid;

-- name: indexes
-- Indexes with their keys, sizes and activity.
WITH mentions AS MATERIALIZED (
    SELECT d.objid, array_agg(DISTINCT d.refobjsubid ORDER BY d.refobjsubid) AS columns
      FROM pg_depend d
      JOIN pg_index i ON i.indexrelid = d.objid AND i.indrelid = d.refobjid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
       AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
     GROUP BY d.objid
)
SELECT i.indexrelid,
       i.indrelid,
       x.relname::text,
       m.amname::text,
       i.indkey::int2[]::int[],
       i.indnkeyatts::int,
       i.indclass::oid[],
       i.indoption::int2[]::int[],
       i.indcollation::oid[],
       i.indisunique,
       i.indisprimary,
       i.indisexclusion,
       i.indisvalid,
       i.indisready,
       CASE WHEN i.indrelid <> ALL (%(locked)s::oid[]) THEN pg_get_indexdef(i.indexrelid) ELSE '' END,
       x.relpages,
       x.reltuples::float8,
       CASE WHEN x.relkind = 'i' AND i.indrelid <> ALL (%(locked)s::oid[])
                 AND i.indexrelid <> ALL (%(locked)s::oid[])
            THEN pg_relation_size(i.indexrelid) END,
       CASE WHEN i.indexprs IS NOT NULL AND i.indrelid <> ALL (%(locked)s::oid[]) THEN
            ARRAY(SELECT pg_get_indexdef(i.indexrelid, position, true)
                    FROM generate_series(1, i.indnkeyatts) AS position
                   WHERE i.indkey[position - 1] = 0
                   ORDER BY position) END,
       CASE WHEN i.indpred IS NULL THEN NULL
            WHEN i.indrelid <> ALL (%(locked)s::oid[]) THEN pg_get_expr(i.indpred, i.indrelid)
            ELSE '' END,
       s.columns,
       /*if nulls_not_distinct*/ i.indnullsnotdistinct /*else*/ false /*end*/,
       i.indisclustered,
       i.indisreplident,
       x.reloptions,
       o.oid,
       h.inhparent,
       pg_stat_get_numscans(i.indexrelid),
       /*if last_scan*/ pg_stat_get_lastscan(i.indexrelid)::text /*else*/ NULL::text /*end*/,
       pg_stat_get_tuples_returned(i.indexrelid),
       pg_stat_get_tuples_fetched(i.indexrelid),
       pg_stat_get_blocks_hit(i.indexrelid),
       pg_stat_get_blocks_fetched(i.indexrelid) - pg_stat_get_blocks_hit(i.indexrelid)
  FROM pg_index i
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_am m ON m.oid = x.relam
  JOIN pg_namespace n ON n.oid = x.relnamespace
  LEFT JOIN mentions s ON s.objid = i.indexrelid
  LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
  LEFT JOIN pg_constraint o
         ON o.conindid = i.indexrelid AND o.conrelid = i.indrelid AND o.contype IN ('p', 'u', 'x')
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY i.indrelid, i.indexrelid;

-- name: operator_classes
-- Operator classes that indexes may use, and the operators that they search by.
SELECT o.oid, o.opcname::text, m.amname::text, o.opcdefault, format_type(o.opcintype, NULL),
       ARRAY(SELECT a.amopopr
               FROM pg_amop a
              WHERE a.amopfamily = o.opcfamily AND a.amoplefttype = o.opcintype AND a.amoppurpose = 's'
              ORDER BY a.amopstrategy, a.amopopr)
  FROM pg_opclass o
  JOIN pg_am m ON m.oid = o.opcmethod
 ORDER BY o.oid;

-- name: views
-- Queries of views and materialized views, and what they read.
WITH sources AS MATERIALIZED (
    SELECT w.ev_class, array_agg(DISTINCT d.refobjid ORDER BY d.refobjid) AS reads
      FROM pg_depend d
      JOIN pg_rewrite w ON w.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid <> w.ev_class
     GROUP BY w.ev_class
)
SELECT c.oid,
       CASE WHEN c.oid <> ALL (%(locked)s::oid[]) AND NOT coalesce(s.reads && %(locked)s::oid[], false)
            THEN pg_get_viewdef(c.oid) END,
       coalesce(s.reads, '{}')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN sources s ON s.ev_class = c.oid
 WHERE c.relkind IN ('v', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid;

-- name: triggers
-- Triggers of users, not those of constraints.
SELECT g.oid, g.tgrelid, g.tgname::text, g.tgfoid, g.tgenabled::text,
       CASE WHEN g.tgrelid <> ALL (%(locked)s::oid[]) THEN pg_get_triggerdef(g.oid) ELSE '' END
  FROM pg_trigger g
  JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT g.tgisinternal
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY g.oid;

-- name: sequences
-- Sequences, how far they are, and the columns that own them.
WITH owners AS MATERIALIZED (
    SELECT d.objid, d.refobjid, d.refobjsubid
      FROM pg_depend d
      JOIN pg_sequence s ON s.seqrelid = d.objid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.deptype IN ('a', 'i')
), members AS MATERIALIZED (
    SELECT d.objid, e.extname
      FROM pg_depend d
      JOIN pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
)
SELECT c.oid,
       n.nspname::text,
       c.relname::text,
       c.relowner,
       format_type(s.seqtypid, NULL),
       s.seqmin, s.seqmax, s.seqincrement, s.seqcycle,
       CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE') AND c.oid <> ALL (%(locked)s::oid[])
            THEN pg_sequence_last_value(c.oid) END,
       d.refobjid,
       d.refobjsubid,
       e.extname::text,
       c.relacl::text[]
  FROM pg_sequence s
  JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN owners d ON d.objid = c.oid
  LEFT JOIN members e ON e.objid = c.oid
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid;

-- name: hidden_sequences
-- Sequences whose position this role may not read.
SELECT s.seqrelid
  FROM pg_sequence s
 WHERE NOT has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
 ORDER BY 1;

-- name: types
-- Enums, domains, composite and range types of users.
SELECT t.oid,
       n.nspname::text,
       t.typname::text,
       t.typtype::text,
       CASE WHEN t.typtype = 'e' THEN
            ARRAY(SELECT l.enumlabel::text FROM pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder) END,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
       t.typnotnull,
       t.typdefault,
       CASE WHEN t.typtype = 'd' THEN
            ARRAY(SELECT pg_get_constraintdef(o.oid) FROM pg_constraint o
                   WHERE o.contypid = t.oid AND o.contype = 'c' ORDER BY o.oid) END,
       e.extname::text,
       CASE WHEN t.typtype = 'c' THEN
            ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                   WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) END,
       (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid)
  FROM pg_type t
  JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE (t.typtype IN ('e', 'd', 'r', 'm') OR (t.typtype = 'c' AND c.relkind = 'c'))
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY t.oid;

-- name: extended_statistics
-- CREATE STATISTICS objects.
SELECT s.oid, s.stxrelid, n.nspname::text, s.stxname::text, s.stxkeys::int2[]::int[], s.stxkind::text[],
       CASE WHEN s.stxrelid <> ALL (%(locked)s::oid[]) THEN pg_get_statisticsobjdef(s.oid) ELSE '' END
  FROM pg_statistic_ext s
  JOIN pg_namespace n ON n.oid = s.stxnamespace
 ORDER BY s.oid;

-- name: extended_statistics_data
-- What ANALYZE found for them, as far as this role may see.
SELECT s.oid,
       /*if inherited_extended_statistics*/ v.inherited /*else*/ c.relkind = 'p' /*end*/,
       v.n_distinct::text,
       v.dependencies::text,
       CASE WHEN v.most_common_vals IS NOT NULL THEN ARRAY(SELECT unnest(v.most_common_vals)) END,
       v.most_common_freqs::float8[],
       v.most_common_base_freqs::float8[]
  FROM pg_stats_ext v
  JOIN pg_namespace n ON n.nspname = v.statistics_schemaname
  JOIN pg_statistic_ext s ON s.stxnamespace = n.oid AND s.stxname = v.statistics_name
  JOIN pg_class c ON c.oid = s.stxrelid
 ORDER BY 1, 2;

-- name: expression_statistics
-- Planner statistics of their expressions: the object's oid, the expression's position. The view writes every
-- expression as text: it is not asked where one is of a locked table.
SELECT s.oid,
       /*if expression_statistics*/ array_position(pg_get_statisticsobjdef_expressions(s.oid), v.expr) /*else*/ 0 /*end*/,
       /*if inherited_extended_statistics*/ v.inherited /*else*/ c.relkind = 'p' /*end*/,
       v.null_frac::float8,
       v.avg_width,
       v.n_distinct::float8,
       v.most_common_vals::text::text[],
       v.most_common_freqs::float8[],
       v.histogram_bounds::text::text[],
       v.correlation::float8,
       v.most_common_elems::text::text[],
       v.most_common_elem_freqs::float8[],
       v.elem_count_histogram::float8[],
       NULL::float8[], NULL::float8, NULL::text[]
  FROM /*if expression_statistics*/ pg_stats_ext_exprs /*else*/
       (SELECT x.*, x.schemaname AS statistics_schemaname, x.tablename AS statistics_name
          FROM pg_stats x WHERE false) /*end*/ AS v
  JOIN pg_namespace n ON n.nspname = v.statistics_schemaname
  JOIN pg_statistic_ext s ON s.stxnamespace = n.oid AND s.stxname = v.statistics_name
  JOIN pg_class c ON c.oid = s.stxrelid
 WHERE v.null_frac IS NOT NULL
   AND (SELECT count(*) FROM pg_statistic_ext l
         WHERE 'e' = ANY (l.stxkind) AND l.stxrelid = ANY (%(locked)s::oid[])) = 0
 ORDER BY 1, 3, 2;

-- name: collations
-- Collations of users, and those of the system that columns name.
SELECT l.oid,
       n.nspname::text,
       l.collname::text,
       l.collprovider::text,
       l.collisdeterministic,
       -- colliculocale in 15 and 16, and for ICU collcollate before
       coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', to_jsonb(l) ->> 'collcollate'),
       to_jsonb(l) ->> 'collctype',
       to_jsonb(l) ->> 'collicurules',
       e.extname::text
  FROM pg_collation l
  JOIN pg_namespace n ON n.oid = l.collnamespace
  LEFT JOIN pg_depend d ON d.classid = 'pg_collation'::regclass AND d.objid = l.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE l.collprovider <> 'd'
   AND (n.nspname <> 'pg_catalog'
        OR l.oid IN (SELECT a.attcollation
                       FROM pg_attribute a
                       JOIN pg_class c ON c.oid = a.attrelid
                       JOIN pg_namespace m ON m.oid = c.relnamespace
                      WHERE a.attnum > 0 AND m.nspname !~ '^pg_' AND m.nspname <> 'information_schema'))
 ORDER BY l.oid;
