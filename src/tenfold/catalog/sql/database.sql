-- name: server
-- The server, and the session that reads it.
SELECT current_setting('server_version_num')::int,
       current_setting('server_version'),
       now()::text,
       pg_postmaster_start_time()::text,
       pg_is_in_recovery(),
       current_user::text,
       r.rolsuper,
       r.rolsuper OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
  FROM pg_roles r
 WHERE r.rolname = current_user;

-- name: system_identifier
-- What tells this cluster from every other.
SELECT system_identifier::text FROM pg_control_system();

-- name: database
-- The database, its age and its counters.
SELECT d.oid,
       d.datname::text,
       d.datdba,
       pg_encoding_to_char(d.encoding)::text,
       d.datcollate::text,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END,
       age(d.datfrozenxid),
       mxid_age(d.datminmxid),
       s.xact_commit, s.xact_rollback, s.blks_hit, s.blks_read, s.temp_files, s.temp_bytes, s.deadlocks,
       /*if session_counters*/ s.sessions /*else*/ 0 /*end*/,
       s.stats_reset::text,
       (SELECT r.setconfig FROM pg_db_role_setting r WHERE r.setdatabase = d.oid AND r.setrole = 0),
       /*if database_locale_provider*/ d.datlocprovider::text /*else*/ 'c' /*end*/,
       -- daticulocale in 15 and 16
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
  FROM pg_database d
  JOIN pg_stat_database s ON s.datid = d.oid
 WHERE d.datname = current_database();

-- name: settings
-- Server settings that this session did not set itself; of those that may hold a password, only whether.
SELECT name::text,
       CASE WHEN name IN ('primary_conninfo', 'ssl_passphrase_command', 'archive_command', 'restore_command',
                          'archive_cleanup_command', 'recovery_end_command')
                 AND coalesce(reset_val, setting) NOT IN ('', '(disabled)')
            THEN '(not read)'
            ELSE coalesce(reset_val, setting) END,
       unit, source::text, boot_val, pending_restart
  FROM pg_settings
 ORDER BY name;

-- name: extensions
-- Installed extensions.
SELECT e.oid, e.extname::text, e.extversion, n.nspname::text
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
 ORDER BY e.oid;

-- name: locked
-- Relations that somebody holds under ACCESS EXCLUSIVE, or waits for: who asks for size or definitions
-- stands in that line.
SELECT DISTINCT relation
  FROM pg_locks
 WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
