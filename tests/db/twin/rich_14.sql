-- What 14 brought.

CREATE FUNCTION app.kept_parsed(wanted int) RETURNS SETOF leads LANGUAGE sql STABLE ROWS 44
BEGIN ATOMIC SELECT * FROM leads l WHERE l.team_id = wanted AND l.score > 50; END;
CREATE TABLE slots (id int PRIMARY KEY, during tsmultirange, size text COMPRESSION pglz);
INSERT INTO slots SELECT n, tsmultirange(tsrange('2025-01-01'::timestamp + n * interval '1 day', '2025-01-02'::timestamp + n * interval '1 day')), 'x' FROM generate_series(1, 300) n;
CREATE STATISTICS leads_expression ON (lower(full_name)) FROM leads;
CREATE STATISTICS leads_mixed (ndistinct, dependencies, mcv) ON (score % 10), city, (note IS NULL) FROM leads;
