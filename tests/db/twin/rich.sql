-- One of everything that a plan can depend on, for PostgreSQL 13 and later.
-- Rows are a function of their number, and fewer than ANALYZE samples: it reads them all and always says the same.

CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE SCHEMA app;
CREATE SCHEMA "Über";

-- types
CREATE TYPE app.status AS ENUM ('new', 'won''t', 'done', 'Ünsicher');
CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@') CONSTRAINT short CHECK (length(VALUE) < 200);
CREATE DOMAIN app.positive AS int DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TYPE app.address AS (street text, "Number" int, zip varchar(10));
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE COLLATION app.numbers (provider = libc, locale = 'C.UTF-8');
CREATE COLLATION app.backwards FROM "C";

-- functions
CREATE FUNCTION app.team() RETURNS int LANGUAGE sql STABLE
  AS $$ SELECT nullif(current_setting('app.team_id', true), '')::int $$;
CREATE FUNCTION app.team_slow() RETURNS int LANGUAGE plpgsql STABLE LEAKPROOF COST 7
  AS $$ BEGIN RETURN current_setting('app.team_id', true)::int; END $$;
CREATE FUNCTION app.domain_of(email text) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT split_part(email, '@', 2) $$;
CREATE FUNCTION app.untouched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

-- tables
CREATE TABLE teams (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, parent_id int REFERENCES teams,
  ctid_like int DEFAULT 3, dropped_later text, UNIQUE (name)
);
CREATE TABLE leads (
  gone int,
  id bigserial PRIMARY KEY,
  team_id int NOT NULL REFERENCES teams,
  gone_too text,
  email app.email,
  status app.status NOT NULL DEFAULT 'new',
  score app.positive,
  price numeric(10, 2) CHECK (price >= 0),
  tags text[],
  document jsonb,
  address app.address,
  reach app.span,
  created_at timestamptz NOT NULL,
  full_name text COLLATE "C",
  code text COLLATE app.numbers,
  bytes_code text COLLATE app.backwards,
  domain_name text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED,
  nick citext,
  path ltree,
  city text,
  postcode text,
  note text,
  UNIQUE (team_id, id)
);
ALTER TABLE leads DROP COLUMN gone, DROP COLUMN gone_too;
ALTER TABLE teams DROP COLUMN dropped_later;
ALTER TABLE leads ALTER COLUMN city SET STATISTICS 20;
CREATE INDEX leads_team_created ON leads (team_id, created_at DESC NULLS LAST) INCLUDE (status);
CREATE INDEX leads_email ON leads (lower(email) text_pattern_ops);
CREATE INDEX leads_domain ON leads (app.domain_of(email), team_id);
CREATE INDEX leads_open ON leads (team_id, score) WHERE status <> 'done';
CREATE INDEX leads_tags ON leads USING gin (tags);
CREATE INDEX leads_document ON leads USING gin (document jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX leads_trgm ON leads USING gin (note gin_trgm_ops);
CREATE INDEX leads_brin ON leads USING brin (created_at) WITH (pages_per_range = 8);
CREATE INDEX leads_hash ON leads USING hash (full_name);
CREATE INDEX leads_reach ON leads USING gist (reach);
CREATE INDEX leads_path ON leads USING gist (path);
CREATE INDEX leads_spgist ON leads USING spgist (postcode);
CREATE INDEX leads_code ON leads (code);
CREATE INDEX leads_nick ON leads (nick) WITH (fillfactor = 70);
CREATE STATISTICS leads_city (ndistinct, dependencies, mcv) ON city, postcode FROM leads;
CREATE STATISTICS app."Leads city team" ON city, team_id, status FROM leads;

CREATE TABLE "Order" (
  "Id" int, "user" text, "select" int, "größe" numeric, team_id int, lead_id bigint, "a""b" text,
  PRIMARY KEY ("Id"), FOREIGN KEY (team_id, lead_id) REFERENCES leads (team_id, id) DEFERRABLE
);
CREATE INDEX "Order Größe" ON "Order" ("größe", "user");
CREATE TABLE "Über"."Tisch ""x""" (id int PRIMARY KEY, "Name" varchar(40) NOT NULL, order_id int REFERENCES "Order");
CREATE UNLOGGED TABLE rooms (id int PRIMARY KEY, team_id int, during tstzrange, EXCLUDE USING gist (team_id WITH =, during WITH &&));
CREATE TEMPORARY TABLE passing (id int);

-- partitions: by range and below by hash, by list with the rest, by hash; a dropped column makes numbers differ
CREATE TABLE events (dropped int, team_id int NOT NULL, at timestamptz NOT NULL, kind text, body jsonb, PRIMARY KEY (team_id, at)) PARTITION BY RANGE (at);
ALTER TABLE events DROP COLUMN dropped;
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2025-01-01 00:00+00');
CREATE TABLE events_2025 (at timestamptz NOT NULL, kind text, team_id int NOT NULL, body jsonb) PARTITION BY HASH (team_id);
ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE events_2025_0 PARTITION OF events_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_2025_1 PARTITION OF events_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_kind ON events (kind, at);
CREATE TABLE regions (code text, team_id int, amount int) PARTITION BY LIST (lower(code));
CREATE TABLE regions_eu PARTITION OF regions FOR VALUES IN ('de', 'fr', NULL);
CREATE TABLE regions_us PARTITION OF regions FOR VALUES IN ('us');
CREATE TABLE regions_other PARTITION OF regions DEFAULT;
CREATE INDEX regions_team ON ONLY regions (team_id);
CREATE INDEX regions_eu_team ON regions_eu (team_id);
ALTER INDEX regions_team ATTACH PARTITION regions_eu_team;
CREATE TABLE buckets (id int, note text) PARTITION BY HASH (id);
CREATE TABLE buckets_0 PARTITION OF buckets FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE buckets_1 PARTITION OF buckets FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE buckets_2 PARTITION OF buckets FOR VALUES WITH (MODULUS 3, REMAINDER 2);

-- inheritance
CREATE TABLE base (id int PRIMARY KEY, at date, kind text);
CREATE TABLE heir (extra text, PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE heir_of_two (more int) INHERITS (heir);
ALTER TABLE heir ADD CONSTRAINT recent CHECK (at >= '2025-01-01');

-- what is not carried
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nobody FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (id int, team_id int) SERVER nobody;

-- rows
INSERT INTO teams (name, parent_id) SELECT 'team ' || n, nullif(n / 3, 0) FROM generate_series(1, 40) n;
INSERT INTO leads (team_id, email, status, score, price, tags, document, address, reach, created_at, full_name, code, bytes_code, nick, path, city, postcode, note)
SELECT 1 + (sqrt(n) / 4)::int % 40, 'u' || n || '@' || (ARRAY['a.example', 'b.example', 'c.example'])[1 + n % 3],
       (ARRAY['new', 'won''t', 'done'])[1 + n % 3]::app.status, 1 + n % 97, n % 500,
       ARRAY['t' || n % 7, 't' || n % 11], jsonb_build_object('kind', n % 5, 'n', n % 300), ROW('s' || n % 9, n % 50, n::text)::app.address,
       app.span(n % 100, n % 100 + 10), timestamptz '2025-01-01 00:00+00' + n * interval '1 minute',
       'name ' || n % 1000, (n % 700)::text, (n % 70)::text, 'Nick' || n % 400, ('top.a' || n % 6 || '.b' || n % 60)::ltree,
       'city ' || n % 25, 'p' || n % 25 || n % 2, CASE WHEN n % 4 > 0 THEN 'note ' || md5(n::text) END
  FROM generate_series(1, 12000) n;
INSERT INTO "Order" SELECT n, 'user' || n % 90, n % 3, n % 55, (SELECT team_id FROM leads WHERE id = n), n, 'q' || n FROM generate_series(1, 3000) n;
INSERT INTO "Über"."Tisch ""x""" SELECT n, 'Name ' || n % 30, n FROM generate_series(1, 500) n;
INSERT INTO rooms SELECT n, n % 9, tstzrange(timestamptz '2025-01-01 00:00+00' + n * interval '1 day', timestamptz '2025-01-01 00:00+00' + n * interval '1 day' + interval '6 hours') FROM generate_series(1, 400) n;
INSERT INTO events SELECT n % 40, timestamptz '2024-06-01 00:00+00' + n * interval '2 hours', 'kind ' || n % 8, '{}' FROM generate_series(1, 9000) n;
INSERT INTO regions SELECT (ARRAY['DE', 'fr', 'US', 'jp', NULL])[1 + n % 5], n % 40, n FROM generate_series(1, 4000) n;
INSERT INTO buckets SELECT n, 'b' || n FROM generate_series(1, 3000) n;
INSERT INTO base SELECT n, date '2020-01-01' + n % 900, 'k' || n % 4 FROM generate_series(1, 2000) n;
INSERT INTO heir SELECT n, date '2025-01-01' + n % 90, 'k' || n % 5, 'e' FROM generate_series(3001, 4000) n;
INSERT INTO heir_of_two SELECT n, date '2025-01-01' + n % 90, 'k' || n % 6, 'e', n FROM generate_series(5001, 5500) n;

-- views
CREATE VIEW busy AS SELECT team_id, count(*) AS leads, max(created_at) AS latest FROM leads GROUP BY team_id;
CREATE VIEW busiest AS SELECT t.name, b.leads AS "How many" FROM busy b JOIN teams t ON t.id = b.team_id WHERE b.leads > 10;
CREATE VIEW fenced WITH (security_barrier) AS SELECT * FROM leads WHERE status <> 'done';
CREATE VIEW checked AS SELECT id, team_id, score FROM leads WHERE score > 3 WITH CASCADED CHECK OPTION;
CREATE VIEW written_through AS SELECT l.id, t.name FROM leads l JOIN teams t ON t.id = l.team_id;
CREATE TRIGGER written INSTEAD OF UPDATE ON written_through FOR EACH ROW EXECUTE FUNCTION app.untouched();
CREATE MATERIALIZED VIEW by_city AS SELECT city, team_id, count(*) AS leads FROM leads GROUP BY city, team_id;
CREATE UNIQUE INDEX by_city_key ON by_city (city, team_id);
CREATE VIEW over_it AS SELECT city, sum(leads) AS leads FROM by_city GROUP BY city;

-- functions that need tables
CREATE FUNCTION app.of_team(wanted int) RETURNS SETOF leads LANGUAGE sql STABLE ROWS 33
  AS $$ SELECT * FROM leads WHERE team_id = wanted $$;
CREATE FUNCTION app.members() RETURNS SETOF int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT id FROM teams WHERE id = app.team() $$;
CREATE AGGREGATE app.together(text) (sfunc = textcat, stype = text, initcond = '');
CREATE OPERATOR app.=== (leftarg = text, rightarg = text, function = texteq, restrict = eqsel, join = eqjoinsel);

-- roles, rights and row-level security
CREATE ROLE rich_owner NOLOGIN;
CREATE ROLE rich_app LOGIN;
CREATE ROLE "Rich Reader" LOGIN IN ROLE rich_app;
CREATE ROLE rich_bypass LOGIN BYPASSRLS;
GRANT USAGE ON SCHEMA app, "Über" TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rich_app, rich_bypass;
REVOKE SELECT ON teams FROM rich_app;
GRANT SELECT (id, name) ON teams TO rich_app;
ALTER TABLE leads OWNER TO rich_owner;
ALTER VIEW busy OWNER TO rich_owner;
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON leads TO rich_app USING (team_id = app.team());
CREATE POLICY "No ""done""" ON leads AS RESTRICTIVE FOR UPDATE USING (status <> 'done') WITH CHECK (score > 0);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON events FOR SELECT USING (team_id IN (SELECT app.members()));
ALTER TABLE "Order" ENABLE ROW LEVEL SECURITY;
CREATE POLICY through_leads ON "Order" USING (EXISTS (SELECT FROM leads l WHERE l.id = lead_id AND l.team_id = app.team()));
ALTER TABLE rooms ENABLE ROW LEVEL SECURITY;
CREATE POLICY slow ON rooms USING (team_id = app.team_slow());
ALTER ROLE "Rich Reader" SET work_mem = '64kB';
ALTER ROLE "Rich Reader" SET app.team_id = '5';
ALTER ROLE rich_bypass SET random_page_cost = 1.1;
