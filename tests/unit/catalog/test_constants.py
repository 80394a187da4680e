from __future__ import annotations

import pytest

from tenfold.catalog.constants import is_planned, strip_constants


@pytest.mark.parametrize(
    ("sql", "stripped"),
    [
        ("SELECT 1", "SELECT $1"),
        ("SELECT 'a', 'it''s', ''", "SELECT $1, $2, $3"),
        ("WHERE a = $1 AND b = 'x' AND c = $2", "WHERE a = $1 AND b = $3 AND c = $2"),
        # numbers
        ("SELECT 1.5, .5, 1., 1e10, 1.5e-3, 2E+4", "SELECT $1, $2, $3, $4, $5, $6"),
        ("SELECT 0xFF, 0b101, 0o17, 1_000_000", "SELECT $1, $2, $3, $4"),
        ("SELECT a+1, a-1, -1, a[1:2]", "SELECT a+$1, a-$2, -$3, a[$4:$5]"),
        ("SELECT t1.c2, x$1y, idx_1 FROM tbl_2024", "SELECT t1.c2, x$1y, idx_1 FROM tbl_2024"),
        # strings
        (r"SELECT E'it\'s', e'\\', 'x'", "SELECT $1, $2, $3"),
        ("SELECT B'01', X'1F', N'x', U&'d\\0061t'", "SELECT $1, $2, $3, $4"),
        ("SELECT $$it's$$, $tag$a $$ b$tag$, $ä$x$ä$", "SELECT $1, $2, $3"),
        ("DO $body$ BEGIN RAISE 'x'; END $body$", "DO $1"),
        ("SELECT 'a'\n'b'", "SELECT $1\n$2"),
        ("SELECT '-- no comment', '/* nor this */'", "SELECT $1, $2"),
        ("SELECT date '2024-01-01', interval '1 day'", "SELECT date $1, interval $2"),
        # names are not constants
        ('SELECT "a\'b", "c""1", U&"x" FROM "1 \'"', 'SELECT "a\'b", "c""1", U&"x" FROM "1 \'"'),
        ("SELECT foo$bar$baz FROM a$b$", "SELECT foo$bar$baz FROM a$b$"),
        ('SELECT größe1, "größe 2"', 'SELECT größe1, "größe 2"'),
        ("SELECT note FROM e WHERE type'x'", "SELECT note FROM e WHERE type$1"),
        # comments
        ("SELECT a -- 'x' 42\n, b", "SELECT a  \n, b"),
        ("SELECT a /* 'x' /* 42 */ 43 */ , b", "SELECT a   , b"),
        ("/* jane@example.com */ SELECT a", "  SELECT a"),
        ("SELECT a - - 1", "SELECT a - - $1"),
        # utility statements
        ("ALTER ROLE app PASSWORD 'hunter2'", "ALTER ROLE app PASSWORD $1"),
        ("CALL pay('jane', 42)", "CALL pay($1, $2)"),
    ],
)
def test_constants_become_parameters_and_comments_go(sql: str, stripped: str) -> None:
    assert strip_constants(sql) == stripped


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'secret",
        "SELECT E'secret",
        "SELECT E'secret\\",
        "SELECT $$secret",
        "SELECT $x$secret$y$",
        "SELECT a /* secret",
        "SELECT a /* x /* y */ secret",
        "SELECT 'it\\'s secret'",
        "SELECT 'a\\'', 'secret'",
        "SELECT 'a\\''', secret",
    ],
)
def test_what_is_cut_short_or_ambiguous_is_taken_out(sql: str) -> None:
    assert "secret" not in strip_constants(sql)


def test_a_windows_path_ends_its_string_by_the_standard() -> None:
    assert strip_constants("SELECT 'C:\\temp', a") == "SELECT $1, a"


def test_a_long_statement_takes_time_in_proportion() -> None:
    text = "SELECT " + ", ".join(f"'value {n}' || $a{n}$x$a{n}$ || {n}" for n in range(20_000))
    assert strip_constants(text).count("||") == 40_000


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select 1",
        "(SELECT 1) UNION (SELECT 2)",
        "( (select 1))",
        "WITH x AS (SELECT 1) DELETE FROM y",
        "INSERT INTO x VALUES (1)",
        "MERGE INTO x USING y ON true WHEN MATCHED THEN DELETE",
        "  -- who\n /* why /* nested */ */\n UPDATE x SET y = 1",
        "VALUES (1)",
        "TABLE x",
    ],
)
def test_planned_statements_are_known(sql: str) -> None:
    assert is_planned(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER ROLE app PASSWORD 'x'",
        "/* SELECT */ CALL pay(1)",
        "-- SELECT\nSET app.tenant_id = '1'",
        "SELECTED",
        "EXECUTE s(1)",
        "COPY (SELECT 'x') TO STDOUT",
        "",
    ],
)
def test_utility_statements_are_known(sql: str) -> None:
    assert not is_planned(sql)
