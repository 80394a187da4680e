-- What 18 brought.

CREATE TABLE computed (
  id int PRIMARY KEY, price numeric, amount int, total numeric GENERATED ALWAYS AS (price * amount) VIRTUAL,
  CONSTRAINT unheeded CHECK (amount > 0) NOT ENFORCED
);
INSERT INTO computed SELECT n, n % 70, n % 6 FROM generate_series(1, 2000) n;
CREATE STATISTICS computed_total ON (price * amount) FROM computed;
CREATE TABLE stays (room int, during daterange, note text, PRIMARY KEY (room, during WITHOUT OVERLAPS));
INSERT INTO stays SELECT n % 20, daterange(date '2020-01-01' + n, date '2020-01-02' + n), 'n' FROM generate_series(1, 600) n;
GRANT SELECT ON computed, stays TO rich_app;
CREATE TABLE unsure (id int PRIMARY KEY, team_id int, sure int NOT NULL);
INSERT INTO unsure SELECT n, n % 9, n FROM generate_series(1, 500) n;
ALTER TABLE unsure ADD CONSTRAINT team_known NOT NULL team_id NOT VALID;
