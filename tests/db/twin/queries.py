"""Statements whose plans need each of the things in `rich.sql`, and who asks them."""

from __future__ import annotations

from typing import NamedTuple


class Asked(NamedTuple):
    sql: str
    parameters: tuple[str, ...] | None = None
    role: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


_TEAM = (("app.team_id", "3"),)
_PARALLEL = (
    ("parallel_setup_cost", "1"),
    ("parallel_tuple_cost", "0"),
    ("min_parallel_index_scan_size", "0"),
)

#: Their costs depend on the counts in the metapage of a GIN index, which no role but a superuser can read.
BY_GIN = frozenset(
    {
        "SELECT * FROM leads WHERE tags @> '{t3}'",
        "SELECT * FROM leads WHERE tags && '{t3,t10}' AND team_id = 1",
        'SELECT * FROM leads WHERE document @> \'{"kind": 3, "n": 8}\'',
        "SELECT * FROM leads WHERE note LIKE '%abcde%'",
    }
)
#: What they call is not carried.
NOT_PLANNABLE = (
    Asked("SELECT app.together(city) FROM leads"),
    Asked("SELECT * FROM leads WHERE city OPERATOR(app.===) 'city 9'"),
    Asked("SELECT * FROM elsewhere"),
)

OF_13 = (
    # keys, partial, expression and covering indexes
    Asked("SELECT * FROM leads WHERE id = 77"),
    Asked("SELECT * FROM leads WHERE team_id = $1 AND id > $2 ORDER BY id LIMIT 10", ("3", "100")),
    Asked(
        "SELECT team_id, created_at, status FROM leads WHERE team_id = 4 ORDER BY created_at "
        "DESC NULLS LAST LIMIT 20",
    ),
    Asked("SELECT * FROM leads WHERE lower(email) LIKE 'u12%'"),
    Asked("SELECT * FROM leads WHERE app.domain_of(email) = 'a.example' AND team_id = 2"),
    Asked("SELECT * FROM leads WHERE app.domain_of(email) = 'b.example'"),
    Asked("SELECT * FROM leads WHERE status <> 'done' AND team_id = 7 AND score < 5"),
    Asked("SELECT * FROM leads WHERE status = 'won''t'"),
    Asked("SELECT * FROM leads WHERE tags @> '{t3}'"),
    Asked("SELECT * FROM leads WHERE tags && '{t3,t10}' AND team_id = 1"),
    Asked("SELECT * FROM leads WHERE document @> '{\"kind\": 3, \"n\": 8}'"),
    Asked("SELECT * FROM leads WHERE note LIKE '%abcde%'"),
    Asked("SELECT * FROM leads WHERE created_at < '2025-01-01 03:00+00'"),
    Asked(
        "SELECT count(*) FROM leads WHERE created_at BETWEEN '2025-01-03 00:00+00' AND "
        "'2025-01-04 00:00+00'",
    ),
    Asked("SELECT * FROM leads WHERE full_name = 'name 17'"),
    Asked("SELECT * FROM leads WHERE reach && app.span(5, 7)"),
    Asked("SELECT * FROM leads WHERE reach @> 42.0::float8"),
    Asked("SELECT * FROM leads WHERE path <@ 'top.a1'"),
    Asked("SELECT * FROM leads WHERE postcode = 'p171'"),
    Asked("SELECT * FROM leads WHERE postcode ^@ 'p2'"),
    Asked("SELECT * FROM leads WHERE code = '300'"),
    Asked("SELECT * FROM leads WHERE code > '690' ORDER BY code"),
    Asked("SELECT * FROM leads WHERE bytes_code < '12'"),
    Asked("SELECT * FROM leads WHERE nick = 'nick7'"),
    Asked("SELECT * FROM leads WHERE domain_name = 'c.example'"),
    Asked("SELECT * FROM leads WHERE score BETWEEN 3 AND 9 AND price > 400"),
    Asked("SELECT * FROM leads WHERE (address).street = 's3'"),
    Asked("SELECT * FROM leads WHERE note IS NULL"),
    Asked("SELECT DISTINCT full_name FROM leads"),
    Asked("SELECT * FROM leads ORDER BY full_name LIMIT 5"),
    Asked("SELECT max(id), min(created_at) FROM leads"),
    Asked("SELECT * FROM leads WHERE nick = 'nick7' AND code = '307'"),
    Asked("SELECT * FROM leads ORDER BY team_id, created_at DESC NULLS LAST, id LIMIT 10"),
    # extended statistics
    Asked("SELECT * FROM leads WHERE city = 'city 3' AND postcode = 'p31'"),
    Asked("SELECT * FROM leads WHERE city IN ('city 3', 'city 4') AND postcode = 'p40'"),
    Asked("SELECT city, postcode, count(*) FROM leads GROUP BY city, postcode"),
    Asked("SELECT city, team_id, status, count(*) FROM leads GROUP BY city, team_id, status"),
    Asked("SELECT city, team_id, count(*) FROM leads GROUP BY city, team_id"),
    Asked("SELECT * FROM leads WHERE city = 'city 3' AND team_id = 5 AND status = 'done'"),
    # joins, foreign keys
    Asked("SELECT * FROM leads l JOIN teams t ON t.id = l.team_id WHERE t.name = 'team 4'"),
    Asked("SELECT count(*) FROM \"Order\" o JOIN leads l ON l.team_id = o.team_id AND l.id = o.lead_id"),
    Asked(
        "SELECT * FROM \"Order\" o JOIN leads l ON (l.team_id, l.id) = (o.team_id, o.lead_id) "
        "JOIN teams t ON t.id = l.team_id WHERE o.\"select\" = 2",
    ),
    Asked(
        "SELECT x.\"Name\", o.\"größe\", o.\"a\"\"b\" FROM \"Über\".\"Tisch \"\"x\"\"\" x JOIN "
        "\"Order\" o ON o.\"Id\" = x.order_id WHERE o.\"user\" = 'user3'",
    ),
    Asked("SELECT * FROM \"Order\" WHERE \"größe\" = 7 AND \"user\" > 'user5'"),
    Asked(
        "SELECT t.name, count(*) FROM teams t LEFT JOIN leads l ON l.team_id = t.id GROUP BY "
        "t.name ORDER BY 2 DESC LIMIT 3",
    ),
    Asked("SELECT * FROM teams t WHERE NOT EXISTS (SELECT FROM leads l WHERE l.team_id = t.id)"),
    Asked(
        "SELECT * FROM teams t, LATERAL (SELECT * FROM leads l WHERE l.team_id = t.id ORDER BY "
        "created_at DESC NULLS LAST LIMIT 2) x",
    ),
    Asked("SELECT * FROM teams p JOIN teams c ON c.parent_id = p.id"),
    Asked(
        "WITH RECURSIVE up AS (SELECT id, parent_id FROM teams WHERE id = 33 UNION ALL SELECT "
        "t.id, t.parent_id FROM teams t JOIN up ON t.id = up.parent_id) SELECT * FROM up",
    ),
    Asked("SELECT id, row_number() OVER (PARTITION BY team_id ORDER BY created_at) FROM leads"),
    Asked(
        "SELECT * FROM rooms WHERE team_id = 3 AND during && tstzrange('2025-02-01 00:00+00', "
        "'2025-03-01 00:00+00')",
    ),
    Asked("SELECT count(*) FROM leads WHERE price > 100", settings=_PARALLEL),
    Asked("SELECT team_id, count(*) FROM leads GROUP BY team_id", settings=_PARALLEL),
    Asked("SELECT * FROM events e JOIN leads l USING (team_id) WHERE l.score = 3", settings=_PARALLEL),
    # what names and constants mean
    Asked("SELECT * FROM leads WHERE created_at < '2025-01-01 12:00'"),
    Asked("SELECT * FROM of_team(4) WHERE score > 3"),
    # generic plans
    Asked("SELECT * FROM leads WHERE team_id = $1 AND status = $2"),
    Asked("SELECT * FROM events WHERE at > $1 AND team_id = $2 LIMIT $3"),
    # partitions and inheritance
    Asked(
        "SELECT * FROM events WHERE at >= '2025-03-01 00:00+00' AND at < '2025-04-01 00:00+00' "
        "AND team_id = 3",
    ),
    Asked("SELECT * FROM events WHERE team_id = 3"),
    Asked("SELECT * FROM events WHERE kind = 'kind 3' ORDER BY at LIMIT 5"),
    Asked("SELECT team_id, count(*) FROM events GROUP BY team_id"),
    Asked("SELECT * FROM events WHERE at > $1 AND team_id = $2", ("2025-08-01 00:00+00", "5")),
    Asked("SELECT * FROM events_2025 WHERE team_id = 4"),
    Asked("SELECT * FROM regions WHERE lower(code) = 'de' AND team_id = 4"),
    Asked("SELECT * FROM regions WHERE lower(code) IS NULL"),
    Asked("SELECT * FROM regions WHERE lower(code) IN ('us', 'jp') AND amount > 3000"),
    Asked("SELECT * FROM buckets WHERE id = 5"),
    Asked("SELECT * FROM events e JOIN teams t ON t.id = e.team_id WHERE t.name = 'team 7'"),
    Asked("SELECT * FROM base WHERE at < '2021-01-01'"),
    Asked("SELECT * FROM base WHERE kind = 'k1'"),
    Asked("SELECT * FROM heir WHERE id = 3005"),
    Asked("SELECT kind, count(*) FROM base GROUP BY kind"),
    Asked("SELECT * FROM ONLY base WHERE kind = 'k1'"),
    # views and functions
    Asked("SELECT * FROM busiest ORDER BY \"How many\""),
    Asked("SELECT * FROM fenced WHERE team_id = 3 AND score > 90"),
    Asked("SELECT * FROM over_it WHERE city = 'city 9'"),
    Asked("SELECT * FROM by_city WHERE city = 'city 9' AND team_id = 4"),
    Asked("SELECT * FROM app.of_team(4) WHERE score > 3"),
    Asked("SELECT * FROM app.members()"),
    # writing
    Asked("UPDATE checked SET score = 5 WHERE team_id = 3"),
    Asked("UPDATE written_through SET name = 'x' WHERE id = 3"),
    Asked("DELETE FROM teams WHERE id = 3"),
    Asked("INSERT INTO leads (team_id, created_at) VALUES (1, now()) RETURNING id"),
    Asked("INSERT INTO teams (name) VALUES ('x') ON CONFLICT (name) DO NOTHING"),
    Asked("UPDATE events SET kind = 'x' WHERE team_id = 3 AND at < '2024-07-01 00:00+00'"),
    # roles
    Asked("SELECT * FROM leads WHERE score > 90", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM leads WHERE note LIKE '%abcde%'", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM leads WHERE id = 77", role="rich_app", settings=_TEAM),
    Asked("UPDATE leads SET score = 4 WHERE id = 7", role="rich_app", settings=_TEAM),
    Asked("SELECT count(*) FROM events WHERE kind = 'kind 3'", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM \"Order\" WHERE \"user\" = 'user4'", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM rooms WHERE id < 50", role="rich_app", settings=_TEAM),
    Asked("SELECT id, name FROM teams WHERE id = 4", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM busy", role="rich_app", settings=_TEAM),
    Asked("SELECT * FROM leads ORDER BY city, postcode", role="Rich Reader"),
    Asked("SELECT * FROM leads WHERE score > 90", role="Rich Reader"),
    Asked("SELECT * FROM leads WHERE score > 90", role="rich_bypass"),
    Asked(
        "SELECT count(*) FROM leads",
        settings=(("enable_indexonlyscan", "off"), ("enable_bitmapscan", "off")),
    ),
)  # fmt: skip

SINCE = {
    14: (
        Asked("SELECT * FROM app.kept_parsed(3)"),
        Asked("SELECT * FROM slots WHERE during @> '2025-02-01'::timestamp"),
        Asked("SELECT * FROM leads WHERE lower(full_name) = 'name 3'"),
        Asked("SELECT lower(full_name), count(*) FROM leads GROUP BY 1"),
        Asked("SELECT * FROM leads WHERE score % 10 = 3 AND city = 'city 4' AND (note IS NULL) = false"),
        Asked("SELECT score % 10, city, count(*) FROM leads GROUP BY 1, 2"),
        Asked("SELECT * FROM leads WHERE score % 10 = 3"),
    ),
    15: (
        Asked("SELECT * FROM invoking WHERE team_id = 4", role="rich_app", settings=_TEAM),
        Asked("SELECT * FROM singles WHERE id IS NULL AND team_id = 3"),
    ),
    18: (
        Asked("SELECT * FROM computed WHERE total > 300"),
        Asked("SELECT * FROM computed WHERE price * amount = 20"),
        Asked("SELECT * FROM computed WHERE amount <= 0"),
        Asked("SELECT * FROM unsure WHERE team_id IS NULL"),
        Asked("SELECT * FROM unsure WHERE sure IS NULL"),
        Asked("SELECT * FROM stays WHERE room = 3 AND during @> date '2020-03-01'"),
    ),
}  # fmt: skip


def statements(major: int) -> list[Asked]:
    """All that a server of this version understands."""
    return [*OF_13, *(asked for since, more in SINCE.items() if major >= since for asked in more)]
