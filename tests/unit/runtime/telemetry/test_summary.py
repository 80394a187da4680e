"""Kinds and summaries of statements."""

from __future__ import annotations

import pytest

from tenfold.runtime.fingerprint import fingerprint
from tenfold.runtime.telemetry.summary import LONGEST_SUMMARY, kind_of, summary_of


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT * FROM wuser_table WHERE username = $1", "SELECT wuser_table"),
        (
            "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders",
            "INSERT shipping_details SELECT orders",
        ),
        ("SELECT * FROM songs, artists a WHERE songs.artist_id = a.id", "SELECT songs artists"),
        (
            "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.c = c.id) t",
            "SELECT SELECT orders customers",
        ),
        ('SELECT * FROM "song list" s, public.artists, shop . "a""b"', None),
        ("select id from notes for no key update", "select notes"),
        ("INSERT INTO notes VALUES ($1) ON CONFLICT (id) DO UPDATE SET body = $2", "INSERT notes"),
        ("UPDATE ONLY notes SET a = 1, b = 2 FROM teams", "UPDATE notes teams"),
        ("DELETE FROM notes USING teams WHERE a IS DISTINCT FROM b", "DELETE notes teams"),
        ("SELECT extract(year FROM made), f(a, b), c FROM notes ORDER BY a, b", "SELECT notes"),
        ("MERGE INTO notes USING teams ON a = b", "MERGE notes teams"),
        (
            "WITH old AS (DELETE FROM notes RETURNING *) INSERT INTO kept SELECT * FROM old",
            "DELETE notes INSERT kept SELECT old",
        ),
        ("COPY notes FROM STDIN", "COPY notes"),
        ("TRUNCATE TABLE notes", "TRUNCATE notes"),
        ("VACUUM", "VACUUM"),
        ("REFRESH MATERIALIZED VIEW of_notes", "REFRESH"),
        ("SELECT 1) FROM notes", "SELECT notes"),
        ("", ""),
    ],
)
def test_a_summary_names_operations_and_relations_in_their_order(statement: str, summary: str | None) -> None:
    expected = 'SELECT "song list" public.artists shop . "a""b"' if summary is None else summary
    assert summary_of(fingerprint(statement).text) == expected


def test_a_summary_ends_before_the_name_that_would_make_it_too_long() -> None:
    names = [f"a_rather_long_name_{number}" for number in range(100)]
    summary = summary_of(f"SELECT * FROM {', '.join(names)}")
    assert len(summary) <= LONGEST_SUMMARY
    assert summary.split(" ")[1:] == names[: len(summary.split(" ")) - 1]


def test_a_summary_holds_no_value() -> None:
    text = fingerprint("SELECT * FROM notes WHERE body = ' FROM secret ' -- FROM secret").text
    assert summary_of(text) == "SELECT notes"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("select 1", "select"),
        ("  -- why\n INSERT INTO notes SELECT * FROM others", "insert"),
        ("(SELECT 1) UNION (SELECT 2)", "select"),
        ("WITH a AS (SELECT 1), b AS (DELETE FROM notes) UPDATE notes SET x = 1", "update"),
        ('WITH "odd (" AS (INSERT INTO a SELECT 1) SELECT * FROM a', "select"),
        ("DELETE FROM notes WHERE id IN (SELECT 1)", "delete"),
        ("MERGE INTO notes USING a ON true", "other"),
        ("EXPLAIN SELECT 1", "other"),
        ("VALUES (1)", "other"),
        ("", "other"),
    ],
)
def test_the_kind_is_that_of_the_statement_itself(statement: str, kind: str) -> None:
    assert kind_of(fingerprint(statement).text) == kind
