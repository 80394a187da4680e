-- name: identity
-- The database, as the fingerprint needs it.
SELECT oid, datname::text FROM pg_database WHERE datname = current_database();

-- name: in_recovery
-- Whether the server is a standby, which takes no writes.
SELECT pg_is_in_recovery();

-- name: take_lock
-- The lock that one applier at a time holds, for as long as its session lives.
SELECT pg_try_advisory_lock(%(space)s, %(key)s);

-- name: lock_holder
-- Who holds it.
SELECT l.pid, a.usename::text, a.application_name, a.backend_start::timestamptz(0)::text
  FROM pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
   AND l.classid = %(space)s::oid AND l.objid = %(key)s::oid
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: blockers
-- Sessions that a session waits for: for locks, and in a concurrent build for old transactions.
-- A waiting autovacuum has no role, a prepared transaction the pid 0. No statement is shown, only its keyword.
SELECT b.pid,
       a.usename::text,
       nullif(a.application_name, ''),
       coalesce(a.backend_type, CASE WHEN b.pid = 0 THEN 'prepared transaction' END),
       a.state,
       extract(epoch FROM clock_timestamp()
               - coalesce(CASE WHEN a.state LIKE 'idle%%' THEN a.state_change END, a.xact_start))::float8,
       upper(substring(a.query FROM '^\s*([A-Za-z]+)'))
  FROM (SELECT unnest(pg_blocking_pids(%(pid)s))
        UNION
        SELECT current_locker_pid::int FROM pg_stat_progress_create_index
         WHERE pid = %(pid)s AND current_locker_pid > 0) AS b (pid)
  LEFT JOIN pg_stat_activity a ON a.pid = b.pid
 ORDER BY b.pid;

-- name: build_progress
-- How far a session's index build has come.
SELECT phase,
       lockers_done, lockers_total,
       tuples_done, tuples_total,
       blocks_done, blocks_total
  FROM pg_stat_progress_create_index
 WHERE pid = %(pid)s;

-- name: index_state
-- One index: its oid, whether the planner may use it, and its table.
SELECT c.oid,
       i.indisvalid AND i.indisready AND i.indislive,
       t.oid,
       tn.nspname::text,
       t.relname::text,
       quote_ident(tn.nspname) || '.' || quote_ident(t.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_index i ON i.indexrelid = c.oid
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND c.relkind = 'i';

-- name: reindex_leftovers
-- What a killed REINDEX CONCURRENTLY left of an index: invalid, on the same table, with the same keys, named by
-- ReindexRelationConcurrently (src/backend/commands/indexcmds.c), which cuts the name to make room.
SELECT l.relname::text, l.oid, x.indrelid, i.indexrelid
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_index i ON i.indexrelid = c.oid
  JOIN pg_index x ON x.indrelid = i.indrelid AND x.indexrelid <> i.indexrelid AND NOT x.indisvalid
                 AND x.indkey = i.indkey AND x.indclass = i.indclass AND x.indcollation = i.indcollation
                 AND x.indoption = i.indoption
                 AND x.indexprs::text IS NOT DISTINCT FROM i.indexprs::text
                 AND x.indpred::text IS NOT DISTINCT FROM i.indpred::text
  JOIN pg_class l ON l.oid = x.indexrelid AND l.relkind = 'i' AND l.relnamespace = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s
   AND l.relname ~ '_cc(new|old)[0-9]*$'
   AND (c.relname = regexp_replace(l.relname, '_cc(new|old)[0-9]*$', '')
        OR octet_length(l.relname) >= 60
           AND starts_with(c.relname, regexp_replace(l.relname, '_cc(new|old)[0-9]*$', '')))
 ORDER BY l.relname;

-- name: builders
-- Other sessions that build this index now; one whose progress is hidden from us may, if it holds the table.
SELECT DISTINCT p.pid
  FROM pg_stat_progress_create_index p
  JOIN pg_locks l ON l.pid = p.pid AND l.locktype = 'relation' AND l.granted AND l.relation = %(table)s
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock')
 WHERE p.pid <> pg_backend_pid()
   AND (p.index_relid = ANY (%(indexes)s::oid[]) OR p.index_relid IS NULL OR p.index_relid = 0);

-- name: key_types
-- Types of a table's columns, in the order of the names.
SELECT format_type(a.atttypid, a.atttypmod)
  FROM unnest(%(columns)s::text[]) WITH ORDINALITY AS wanted (name, position)
  JOIN pg_attribute a ON a.attname = wanted.name AND a.attrelid = %(table)s::regclass AND NOT a.attisdropped
 ORDER BY wanted.position;
