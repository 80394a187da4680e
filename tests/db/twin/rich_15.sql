-- What 15 brought.

CREATE VIEW invoking WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM leads WHERE score > 10;
CREATE TABLE singles (id int, team_id int, UNIQUE NULLS NOT DISTINCT (team_id, id));
INSERT INTO singles SELECT nullif(n, 7), n % 9 FROM generate_series(1, 900) n;
GRANT SELECT ON invoking, singles TO rich_app;
