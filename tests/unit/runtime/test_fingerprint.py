"""The same for statements that differ in values alone, and without the values."""

from __future__ import annotations

import pytest

from tenfold.runtime.fingerprint import MOST_SHOWN, fingerprint

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM leads WHERE id = 1", "SELECT * FROM leads WHERE id = 22"),
        ("SELECT * FROM leads WHERE id = $1", "SELECT *\n  FROM leads -- by key\n WHERE id = $2"),
        ("SELECT 1 WHERE a IN ($1, $2)", "SELECT 1 WHERE a IN ( $1,$2 , $3 )"),
        (
            "INSERT INTO a VALUES ($1, now()), ($2, now())",
            "INSERT INTO a VALUES ($1,now()),($2,now()),($3,now())",
        ),
        ("SELECT 'a'", "SELECT 'it''s -- no comment'"),
        (r"SELECT E'a\'b'", "SELECT 'b'"),
        ("SELECT $$a$$", "SELECT $tag$ $$ ' $tag$"),
        ("SELECT 1.5e10", "SELECT .5"),
        ("SELECT 0xff", "SELECT 1_000"),
        ("SELECT a WHERE b = %s", "SELECT a WHERE b = %(b)s"),
        ("SELECT /* 'a */ 1", "SELECT 1"),
    ],
)
def test_what_differs_in_values_alone_is_the_same(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a1 FROM t", "SELECT a2 FROM t"),
        ('SELECT "a 1" FROM t', 'SELECT "a 2" FROM t'),
        ("SELECT a FROM t", "SELECT a FROM t WHERE b = $1"),
    ],
)
def test_what_differs_in_names_is_not(one: str, other: str) -> None:
    assert fingerprint(one).id != fingerprint(other).id


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT '{SECRET}'",
        f"SELECT E'\\'{SECRET}'",
        f"SELECT $${SECRET}$$",
        f"SELECT $a${SECRET}$a$",
        f"SELECT U&'{SECRET}'",
        f"SELECT 1 -- {SECRET}",
        f"SELECT /* {SECRET} */ 1",
        f"SELECT '{SECRET}",
        f"SELECT $a${SECRET}",
        f"SELECT /* {SECRET}",
    ],
)
def test_no_value_is_in_it_even_where_the_statement_is_broken(statement: str) -> None:
    assert SECRET not in fingerprint(statement).text


def test_a_long_statement_makes_a_short_line() -> None:
    statement = "SELECT " + ", ".join(f"column_{n}" for n in range(100_000))
    assert len(fingerprint(statement).text) == MOST_SHOWN
    assert len(fingerprint(statement).id) == 16
