"""A redacted snapshot of a real database holds no value of a row, and what plans depend on is still there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import msgspec
import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.catalog.redact import redact_snapshot
from tenfold.model.relations import ColumnStatistics
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer

#: In every value below, and in no name.
MARK = "zqmark"
NUMBER = 770077

SCHEMA = f"""
CREATE EXTENSION pg_stat_statements;
CREATE TYPE mood AS ENUM ('cheerful', 'gloomy');
CREATE DOMAIN label AS text;
CREATE TABLE people (
  id int PRIMARY KEY, email text, nick text, tags text[], kind label, born date, score numeric,
  document jsonb, mood mood, active boolean, fixed char(12), external uuid
);
INSERT INTO people
SELECT {NUMBER}000 + n, n || '@{MARK}.example', '{MARK}' || n % 3, ARRAY['{MARK}' || n % 5, 'x{MARK}'],
       '{MARK}' || n % 4, date '1907-01-01' + n, {NUMBER}.5 + n % 7, jsonb_build_object('{MARK}', n % 2),
       (ARRAY['cheerful', 'gloomy'])[n % 2 + 1]::mood, n % 2 = 0, '{MARK}' || n % 3,
       ('{NUMBER}00-0000-0000-0000-' || lpad((n % 3)::text, 12, '0'))::uuid
  FROM generate_series(1, 400) n;
CREATE INDEX people_lower ON people (lower(email));
CREATE STATISTICS together (mcv) ON nick, kind FROM people;
CREATE TABLE parts (at date, note text) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2000-01-01') TO ('2030-01-01');
INSERT INTO parts SELECT date '2001-01-01' + n, '{MARK}' || n % 3 FROM generate_series(1, 300) n;
CREATE MATERIALIZED VIEW emails AS SELECT email FROM people;
CREATE PROCEDURE pay(text) LANGUAGE sql AS 'SELECT 1';
ANALYZE;
"""

STATEMENTS = [
    f"SELECT count(*) FROM people WHERE email = '{MARK}'",
    f"SELECT E'\\'{MARK}', $${MARK}$$, $tag$it's {MARK}$tag$, U&'{MARK}' /* {MARK} */ -- {MARK}",
    f"/* {MARK} */ SELECT 2",
    f"CREATE ROLE zq_role PASSWORD '{MARK}'",
    f"ALTER ROLE zq_role PASSWORD '{MARK}'",
    f"ALTER ROLE zq_role SET app.token = '{MARK}'",
    "ALTER ROLE zq_role SET statement_timeout = '7s'",
    f"SET app.who = '{MARK}'",
    f"CALL pay('{MARK}')",
    f"DO $$ BEGIN PERFORM '{MARK}'; END $$",
    f"COPY (SELECT '{MARK}') TO '/dev/null'",
    f"PREPARE s AS SELECT '{MARK}'",
]


@pytest.fixture(scope="module")
def snapshot() -> Iterator[Snapshot]:
    settings = {"shared_preload_libraries": "pg_stat_statements", "archive_command": f"cp %p {MARK}"}
    with EmbeddedServer.temporary(settings={**settings, "archive_mode": "on"}) as server:
        dsn = server.create_database("shop")
        with contextlib.closing(connect(dsn, writable=True)) as connection:
            execute_script(connection, SCHEMA)
            for statement in STATEMENTS:
                connection.execute(statement.encode())
            execute_script(connection, f"ALTER DATABASE shop SET app.jwt_secret = '{MARK}'")
            execute_script(connection, "ALTER DATABASE shop SET pg_stat_statements.track = 'all'")
        with contextlib.closing(connect(dsn)) as reader:
            yield read_snapshot(reader)


@pytest.fixture(scope="module")
def redacted(snapshot: Snapshot) -> Snapshot:
    return redact_snapshot(snapshot)


def strip_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|--.*", "", text)


def rows_of(snapshot: Snapshot, column: str) -> ColumnStatistics:
    people = snapshot.relation_by_name["public", "people"]
    found = snapshot.column(people.oid, column)
    assert found is not None
    row = snapshot.statistics_of(people.oid, found.number)
    assert row is not None
    return row


def test_the_whole_snapshot_does_hold_values(snapshot: Snapshot) -> None:
    """Else the tests below would show nothing."""
    assert any(MARK in value for value in rows_of(snapshot, "nick").common_values or ())
    assert any(MARK in value for value in rows_of(snapshot, "email").histogram or ())
    assert any(MARK in value for value in rows_of(snapshot, "tags").common_elements or ())
    assert any(
        MARK in str(row.histogram) for row in snapshot.statistics if row.relation in snapshot.index_by_oid
    )
    assert snapshot.database.settings is not None
    assert MARK in str(snapshot.database.settings)
    assert len(snapshot.statements) >= len(STATEMENTS) - 2


def test_no_value_survives_anywhere(redacted: Snapshot) -> None:
    encoded = msgspec.json.encode(redacted).decode().lower()
    assert MARK not in encoded
    assert str(NUMBER) not in encoded
    assert "1907" not in encoded


def test_a_password_or_another_constant_of_a_utility_statement_is_not_even_read(snapshot: Snapshot) -> None:
    texts = [statement.text for statement in snapshot.statements]
    assert "ALTER ROLE zq_role PASSWORD $1" in texts
    assert [text for text in texts if MARK in strip_comments(text)] == []
    assert snapshot.setting("archive_command") == "(not read)"


def test_what_plans_depend_on_stays(snapshot: Snapshot, redacted: Snapshot) -> None:
    assert redacted.redacted
    assert len(redacted.statistics) == len(snapshot.statistics)
    for before, after in zip(snapshot.statistics, redacted.statistics, strict=True):
        for field in ("common_values", "histogram", "common_elements"):
            values, ranks = getattr(before, field), getattr(after, field)
            assert (values is None) == (ranks is None)
            assert values is None or len(values) == len(ranks)
            assert before.common_frequencies == after.common_frequencies
        assert (before.n_distinct, before.avg_width) == (after.n_distinct, after.avg_width)
        assert (before.correlation, before.null_frac) == (after.correlation, after.null_frac)


def test_labels_of_enums_and_booleans_are_schema(redacted: Snapshot) -> None:
    assert set(rows_of(redacted, "mood").common_values or ()) == {"cheerful", "gloomy"}
    assert set(rows_of(redacted, "active").common_values or ()) == {"t", "f"}
    assert rows_of(redacted, "kind").common_values == ("0", "1", "2", "3")


def test_a_setting_that_an_application_made_up_keeps_its_name_only(redacted: Snapshot) -> None:
    assert redacted.database.settings == ("app.jwt_secret=?", "pg_stat_statements.track=all")
    role = redacted.role_by_name["zq_role"]
    assert role.setting("app.token") == "?"
    assert role.setting("statement_timeout") == "7s"
    assert redacted.setting("work_mem") == "4096"


def test_redacting_twice_changes_nothing(redacted: Snapshot) -> None:
    assert redact_snapshot(redacted) is redacted
