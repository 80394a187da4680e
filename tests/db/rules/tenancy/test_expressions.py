"""What is claimed of an expression holds on a server, and an expression written anew means the same there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import LiteralString, cast

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenfold.rules.tenancy._expressions import Reading, read
from tenfold.rules.tenancy._rewrite import evaluated_once, uncast, without_openings

SETTING = "current_setting('app.tenant', true)"

# Rows of tenants 2 and 3; the session is tenant 1's. No row has the tenant 0 or the code 'zz'.
SCHEMA = """
CREATE TABLE items (tenant bigint NOT NULL, code text NOT NULL, open boolean, note text);
INSERT INTO items
SELECT tenant, 'c' || tenant, open, note
  FROM unnest('{2,3}'::bigint[]) tenant,
       unnest('{t,f,NULL}'::boolean[]) open,
       unnest('{a,NULL}'::text[]) note;
CREATE INDEX ON items (tenant);
ANALYZE items
"""

INTEGERS = st.sampled_from(
    [
        "tenant",
        "0",
        f"{SETTING}::bigint",
        f"NULLIF({SETTING}, '')::bigint",
        f"(SELECT NULLIF({SETTING}, '')::bigint)",
        f"(SELECT {SETTING}::bigint)",
        f"COALESCE(NULLIF({SETTING}, '')::bigint, tenant)",
        f"COALESCE(NULLIF({SETTING}, '')::bigint, 0)",
        "current_setting('app.tenant')::bigint",
    ]
)
TEXTS = st.sampled_from(
    [
        "code",
        "tenant::text",
        "''",
        "'zz'",
        SETTING,
        f"NULLIF({SETTING}, '')",
        f"COALESCE({SETTING}, '')",
        f"COALESCE({SETTING}, code)",
        f"(SELECT {SETTING})",
        f"lower({SETTING})",
        f"{SETTING} || '%'",
        "current_setting('app.tenant')",
        f"CASE WHEN {SETTING} IS NULL THEN code ELSE {SETTING} END",
    ]
)


def comparisons() -> st.SearchStrategy[str]:
    pairs = st.tuples(INTEGERS, INTEGERS) | st.tuples(TEXTS, TEXTS)
    operators = st.sampled_from(["=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "<"])
    return st.one_of(
        st.builds(lambda pair, operator: f"{pair[0]} {operator} {pair[1]}", pairs, operators),
        st.builds(lambda text, pattern: f"{text} LIKE {pattern}", TEXTS, TEXTS),
        st.builds(lambda value, negation: f"{value} IS {negation}NULL", INTEGERS | TEXTS, NEGATIONS),
        st.builds(lambda a, b, c: f"{a} IN ({b}, {c})", TEXTS, TEXTS, TEXTS),
        st.just(f"tenant = ANY (string_to_array({SETTING}, ',')::bigint[])"),
        st.sampled_from(["open", "note IS NULL", "true", "false", "NULL::boolean"]),
    )


NEGATIONS = st.sampled_from(["", "NOT "])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda a, b: f"({a}) AND ({b})", inner, inner),
        st.builds(lambda a, b: f"({a}) OR ({b})", inner, inner),
        st.builds(lambda a: f"NOT ({a})", inner),
        st.builds(lambda a, negation, value: f"({a}) IS {negation}{value}", inner, NEGATIONS, BOOLEANS),
        st.builds(lambda a, b, c: f"CASE WHEN {a} THEN {b} ELSE {c} END", inner, inner, inner),
        st.builds(lambda a, b: f"COALESCE({a}, {b})", inner, inner),
        st.builds(lambda a: f"(SELECT {a})", inner),
    )


BOOLEANS = st.sampled_from(["TRUE", "FALSE", "NULL"])
EXPRESSIONS = st.recursive(comparisons(), compound, max_leaves=5)


class Worlds:
    """One session for each state of the setting, and one that writes policies."""

    def __init__(self, dsn: str, sessions: contextlib.ExitStack) -> None:
        def connect() -> psycopg.Connection[tuple[object, ...]]:
            return sessions.enter_context(psycopg.connect(dsn, autocommit=True))

        self.owner = connect()
        self.owner.execute(SCHEMA)
        self.unset, self.empty, self.tenant = connect(), connect(), connect()
        self.empty.execute("SET app.tenant = ''")
        self.tenant.execute("SET app.tenant = '1'")

    def deparsed(self, expression: str) -> str:
        """The expression as the server writes it in a policy."""
        self.owner.execute(_sql(f"CREATE POLICY p ON items USING ({expression})"))
        row = self.owner.execute("SELECT pg_get_expr(polqual, polrelid) FROM pg_policy").fetchone()
        self.owner.execute("DROP POLICY p ON items")
        assert row is not None
        return str(row[0])

    def truths(self, expression: str) -> tuple[list[object], ...]:
        """The rows for which the expression is true, in each world."""
        return tuple(_truths(session, expression) for session in (self.unset, self.empty, self.tenant))


def _truths(session: psycopg.Connection[tuple[object, ...]], expression: str) -> list[object]:
    """The rows, or FAILS where the statement does."""
    shown = _sql(f"SELECT code, open, note FROM items WHERE {expression} ORDER BY 1, 2, 3")
    try:
        return list(session.execute(shown).fetchall())
    except (psycopg.errors.DataError, psycopg.errors.UndefinedObject):
        return FAILS


def _sql(text: str) -> LiteralString:
    return cast("LiteralString", text)


@pytest.fixture
def worlds(database: str) -> Iterator[Worlds]:
    with contextlib.ExitStack() as sessions:
        yield Worlds(database, sessions)


ROWS = 12
FAILS: list[object] = ["fails"]
OFTEN = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@OFTEN
@given(expression=EXPRESSIONS)
def test_claims_about_an_expression_hold(worlds: Worlds, expression: str) -> None:
    text = worlds.deparsed(expression)
    reading = read(text)
    for claim, rows in zip((reading.unset, reading.empty, reading.set), worlds.truths(text), strict=True):
        if claim.always:
            assert len(rows) == ROWS, (text, claim, rows)
        if claim.never:
            assert rows in ([], FAILS), (text, claim, rows)
    assert_claims_whatever(reading, worlds.truths(text))


def assert_claims_whatever(reading: Reading, truths: tuple[list[object], ...]) -> None:
    if reading.whatever.always:
        assert all(len(rows) == ROWS or rows == FAILS for rows in truths)
    if reading.whatever.never:
        assert all(rows in ([], FAILS) for rows in truths)


@OFTEN
@given(expression=EXPRESSIONS)
def test_evaluated_once_it_means_the_same(worlds: Worlds, expression: str) -> None:
    text = worlds.deparsed(expression)
    once = evaluated_once(text)
    if once is None:
        return
    for before, after in zip(worlds.truths(text), worlds.truths(worlds.deparsed(once)), strict=True):
        # Which of two terms is evaluated first may change, and with it whether one that fails is met.
        assert before == after or FAILS in (before, after), (text, once)


@OFTEN
@given(expression=EXPRESSIONS)
def test_closed_it_shows_the_tenant_what_it_did(worlds: Worlds, expression: str) -> None:
    text = worlds.deparsed(f"({SETTING} IS NULL OR {SETTING} = '' OR tenant = 2) AND ({expression})")
    closed = without_openings(text)
    if closed is None:
        return
    _, _, before = worlds.truths(text)
    _, _, after = worlds.truths(worlds.deparsed(closed))
    assert before == after


@pytest.mark.parametrize("value", ["2", "1", "", None])
def test_uncast_it_means_the_same(worlds: Worlds, value: str | None) -> None:
    text = worlds.deparsed(f"tenant::text = {SETTING} AND open")
    moved = uncast(text, "tenant", "bigint")
    assert moved is not None
    session = worlds.unset
    if value is not None:
        session.execute("SELECT set_config('app.tenant', %s, false)", [value])
    assert _truths(session, text) == _truths(session, moved)
    assert bool(_truths(session, moved)) == (value == "2")
