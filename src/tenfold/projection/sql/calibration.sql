-- name: readable_tables
-- Tables that this role may read as they are, whose size the planner knows: the largest first.
SELECT c.oid, n.nspname::text, c.relname::text, c.relpages, c.reltuples::float8
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relispopulated
   AND c.relpages > 0 AND c.reltuples > 0
   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
   AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
   AND NOT row_security_active(c.oid)
 ORDER BY c.relpages DESC, c.oid
 LIMIT %(most)s;

-- name: unreadable_tables
-- How many tables with rows this role may not read, or only through policies.
SELECT count(*)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relpages > 0
   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
   AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
            AND NOT row_security_active(c.oid));

-- name: comparable_columns
-- Columns whose comparison runs no code of the database's own, in their order; no value of a row.
SELECT a.attrelid, a.attname::text, a.attnum,
       a.atttypid IN ('text'::regtype, 'varchar'::regtype),
       coalesce(s.n_distinct, 0)::float8, coalesce(abs(s.correlation), 1)::float8
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
                      AND NOT s.inherited
 WHERE a.attrelid = ANY (%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
   AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype,
                      'timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'uuid'::regtype,
                      'numeric'::regtype, 'float8'::regtype, 'float4'::regtype, 'bool'::regtype)
 ORDER BY a.attrelid, a.attnum;

-- name: ordered_indexes
-- Whole B-tree indexes: their first column, whether that alone is unique.
SELECT i.indrelid, a.attname::text, i.indisunique AND i.indnkeyatts = 1
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE i.indrelid = ANY (%(tables)s) AND m.amname = 'btree' AND i.indisvalid
   AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indrelid, i.indnkeyatts, i.indexrelid;

-- name: references
-- Foreign keys of one column, from one readable table to another.
SELECT k.conrelid, a.attname::text, k.confrelid, b.attname::text
  FROM pg_constraint k
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
  JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
 WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND k.conrelid <> k.confrelid
   AND k.conrelid = ANY (%(tables)s) AND k.confrelid = ANY (%(tables)s)
 ORDER BY k.conrelid, k.oid;

-- name: cache_counters
-- Pages found in memory and fetched: of user tables and their indexes, and of the whole database.
SELECT (SELECT coalesce(sum(coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0)), 0)::float8
          FROM pg_statio_user_tables),
       (SELECT coalesce(sum(coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0)), 0)::float8
          FROM pg_statio_user_tables),
       d.blks_hit::float8, d.blks_read::float8
  FROM pg_stat_database d
 WHERE d.datname = current_database();

-- name: server
-- Version, buffer pool in bytes, time, and the planner's prices.
SELECT current_setting('server_version'),
       pg_size_bytes(current_setting('shared_buffers')),
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       current_setting('seq_page_cost')::float8,
       current_setting('random_page_cost')::float8,
       current_setting('cpu_tuple_cost')::float8,
       current_setting('cpu_index_tuple_cost')::float8,
       current_setting('cpu_operator_cost')::float8,
       current_setting('parallel_setup_cost')::float8,
       current_setting('parallel_tuple_cost')::float8;
