"""Statements by name: what they are called, and what of their text may be shown."""

from __future__ import annotations

import pytest

from tenfold.statements.text import NOT_SHOWN, fingerprint, kind_of, parse, shown, title
from tests.unit.rules.build import statement


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", "query"),
        ("\n\t( ( select 1))", "query"),
        ("-- a comment\nSELECT 1", "query"),
        ("/* a * comment */SELECT 1", "query"),
        ("with x as (select 1) delete from y", "query"),
        ("Insert into x values (1)", "insert"),
        ("MERGE INTO x USING y ON true", "merge"),
        ("EXPLAIN SELECT 1", "utility"),
        ("-- SELECT 1", "utility"),
        ("", "utility"),
        ("<insufficient privilege>", "utility"),
    ],
)
def test_the_first_word_tells_the_kind(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SELECT a\n  FROM t WHERE b = 'secret'", "SELECT a FROM t WHERE b = $1"),
        ("SELECT a FROM t WHERE b=$1 AND c=$2", "SELECT a FROM t WHERE b=$1 AND c=$2"),
        ("INSERT INTO t VALUES ($1,$2,NULL,true,-4.5e3)", "INSERT INTO t VALUES ($1,$2,$3,$4,-$5)"),
        ("SELECT a->>'key' FROM t WHERE b ? 'key'", "SELECT a->>$1 FROM t WHERE b ? $2"),
        ("SELECT a FROM t -- secret\nWHERE b IS NOT NULL", "SELECT a FROM t WHERE b IS NOT NULL"),
        ("SELECT /* secret */ a FROM t", "SELECT a FROM t"),
        ("UPDATE t SET a = E'it\\'s', b = $x$secret$x$", "UPDATE t SET a = $1, b = $2"),
        ("SELECT B'101', X'ff', N'a', U&'a', interval '7 days'", "SELECT $1, $2, $3, $4, interval $5"),
        ('SELECT "price$1", a$1 FROM "T"', 'SELECT "price$1", a$1 FROM "T"'),
        ("SELECT FROM WHERE 'secret'", "SELECT FROM WHERE $1"),
    ],
)
def test_constants_are_replaced(text: str, line: str) -> None:
    assert shown(text) == line


@pytest.mark.parametrize(
    "text",
    [
        "COPY t FROM 'secret'",
        "CREATE ROLE x PASSWORD 'secret'",
        "SELECT 'unfinished secret",
        # With standard_conforming_strings off, the string ends elsewhere.
        "SELECT a FROM t WHERE b = 'it\\' || 'secret'",
    ],
)
def test_a_text_whose_constants_cannot_be_told_is_not_shown(text: str) -> None:
    assert shown(text) == NOT_SHOWN


def test_a_long_text_is_cut() -> None:
    line = shown("SELECT " + ", ".join(f"column_{number}" for number in range(100)) + " FROM t")
    assert len(line) == 160
    assert line.endswith("…")


@pytest.mark.parametrize(
    "other",
    [
        "select a from T where B = $1 and c in ($2)",
        "SELECT a FROM t WHERE b = 'x' AND c IN ('y', 'z')",
        "SELECT a\nFROM t  WHERE b=7 AND c IN ($1 /*, ... */)",
        "/* trace */ SELECT a FROM t WHERE b = NULL AND c IN (1, 2, 3)",
    ],
)
def test_a_fingerprint_is_the_same_whatever_the_constants(other: str) -> None:
    assert fingerprint(other) == fingerprint("SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)")


@pytest.mark.parametrize(
    "other",
    [
        "SELECT a FROM t WHERE b = $1 AND d IN ($2)",
        'SELECT a FROM "T" WHERE b = $1 AND c IN ($2)',
        "SELECT a FROM t WHERE b <> $1 AND c IN ($2)",
    ],
)
def test_a_fingerprint_differs_with_the_statement(other: str) -> None:
    assert fingerprint(other) != fingerprint("SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)")


def test_a_statement_goes_by_its_name_or_its_fingerprint() -> None:
    assert title(statement("SELECT 1", name="one")) == "one"
    assert title(statement("SELECT 1")) == f"statement {fingerprint('SELECT $1')}"


def test_parameters_without_space_between_them_are_parameters() -> None:
    tree = parse("INSERT INTO t (a, b) VALUES ($1,$2),($3,$4)")
    assert tree is not None
    assert tree.sql(dialect="postgres") == "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"
