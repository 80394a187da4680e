-- name: table_activity
-- Counters of tables and materialized views.
SELECT c.oid,
       pg_stat_get_numscans(c.oid),
       pg_stat_get_tuples_returned(c.oid),
       coalesce(i.scans, 0),
       coalesce(i.fetched, 0) + pg_stat_get_tuples_fetched(c.oid),
       pg_stat_get_tuples_inserted(c.oid),
       pg_stat_get_tuples_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid),
       pg_stat_get_tuples_hot_updated(c.oid),
       pg_stat_get_live_tuples(c.oid),
       pg_stat_get_dead_tuples(c.oid),
       pg_stat_get_mod_since_analyze(c.oid),
       pg_stat_get_ins_since_vacuum(c.oid),
       pg_stat_get_last_vacuum_time(c.oid)::text,
       pg_stat_get_last_autovacuum_time(c.oid)::text,
       pg_stat_get_last_analyze_time(c.oid)::text,
       pg_stat_get_last_autoanalyze_time(c.oid)::text,
       pg_stat_get_blocks_hit(c.oid),
       pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid),
       coalesce(i.hit, 0),
       coalesce(i.read, 0)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT indrelid,
                    sum(pg_stat_get_numscans(indexrelid))::int8 AS scans,
                    sum(pg_stat_get_tuples_fetched(indexrelid))::int8 AS fetched,
                    sum(pg_stat_get_blocks_hit(indexrelid))::int8 AS hit,
                    sum(pg_stat_get_blocks_fetched(indexrelid) - pg_stat_get_blocks_hit(indexrelid))::int8
                        AS read
               FROM pg_index GROUP BY indrelid) i ON i.indrelid = c.oid
 WHERE c.relkind IN ('r', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid;

-- name: connections
-- Client connections, grouped; no statement text.
SELECT a.usename::text,
       coalesce(a.application_name, ''),
       a.datname::text,
       a.state,
       count(*)::int,
       extract(epoch FROM max(now() - a.xact_start))::float8,
       extract(epoch FROM max(now() - a.state_change))::float8,
       max(age(a.backend_xmin))
  FROM pg_stat_activity a
 WHERE a.pid <> pg_backend_pid()
   AND (a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.usesysid IS NOT NULL))
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4;

-- name: replicas
-- Standbys that stream from this server.
SELECT coalesce(application_name, ''), state, sync_state,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8 END
  FROM pg_stat_replication
 ORDER BY 1;

-- name: replication_slots
-- Replication slots, and the WAL that they hold back.
SELECT slot_name::text, slot_type, active,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 END
  FROM pg_replication_slots
 ORDER BY 1;

-- name: index_builds
-- Index builds in flight in this database, as far as the role may see whose they are.
SELECT relid, index_relid, command, phase
  FROM pg_stat_progress_create_index
 WHERE datname = current_database() AND relid IS NOT NULL
 ORDER BY 1, 2;

-- name: hidden_index_builds
-- Whether there are others.
SELECT EXISTS (SELECT FROM pg_stat_progress_create_index
                WHERE datname = current_database() AND relid IS NULL);

-- name: statements
-- Statements of this database that pg_stat_statements keeps, the costliest first.
SELECT s.query, s.queryid, s.userid, s.calls, s.rows,
       s.total_exec_time, s.mean_exec_time, s.min_exec_time, s.max_exec_time, s.stddev_exec_time,
       s.shared_blks_hit, s.shared_blks_read, s.shared_blks_dirtied, s.temp_blks_written, s.wal_bytes::int8,
       /*if top_level_statements*/ s.toplevel /*else*/ true /*end*/
  FROM {pg_stat_statements} s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.query NOT LIKE '%%/* tenfold */'
 ORDER BY s.total_exec_time DESC;
