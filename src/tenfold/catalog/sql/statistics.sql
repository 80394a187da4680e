-- name: statistics
-- Planner statistics of every column that this role may see.
SELECT c.oid,
       a.attnum::int,
       s.inherited,
       s.null_frac::float8,
       s.avg_width,
       s.n_distinct::float8,
       s.most_common_vals::text::text[],
       s.most_common_freqs::float8[],
       s.histogram_bounds::text::text[],
       s.correlation::float8,
       s.most_common_elems::text::text[],
       s.most_common_elem_freqs::float8[],
       s.elem_count_histogram::float8[],
       /*if range_statistics*/ s.range_length_histogram::text::float8[] /*else*/ NULL::float8[] /*end*/,
       /*if range_statistics*/ s.range_empty_frac::float8 /*else*/ NULL::float8 /*end*/,
       /*if range_statistics*/ s.range_bounds_histogram::text::text[] /*else*/ NULL::text[] /*end*/
  FROM pg_stats s
  JOIN pg_namespace n ON n.nspname = s.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid, a.attnum;

-- name: hidden_statistics
-- Tables whose statistics pg_stats hides from this role: no right to read them, or bound by row security.
SELECT c.oid, row_security_active(c.oid)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (row_security_active(c.oid) OR NOT has_table_privilege(c.oid, 'SELECT'))
 ORDER BY c.oid;
