"""What is read out of a policy's expression. The texts are as `pg_get_expr` writes them."""

from __future__ import annotations

import pytest

from tenfold.rules.tenancy._expressions import OPAQUE, read

SETTING = "current_setting('app.team_id'::text, true)"
TENANT = f"(NULLIF({SETTING}, ''::text))::bigint"
CLOSED = f"(team_id = {TENANT})"
ONCE = f'(team_id = ( SELECT {TENANT} AS "nullif"))'


@pytest.mark.parametrize(
    "text",
    [
        CLOSED,
        ONCE,
        "(team_id = (current_setting('app.team_id'::text))::bigint)",
        f"((team_id)::text = {SETTING})",
        f"(team_id = ANY ((string_to_array({SETTING}, ','::text))::bigint[]))",
        f"(team_id IN ( SELECT {TENANT} AS x))",
        f"((({SETTING})::json ->> 'team'::text))::bigint = team_id",
        f"(NOT ((team_id)::text IS DISTINCT FROM {SETTING}))",
        f"(lower(slug) = lower({SETTING}))",
        f"(({SETTING} IS NOT NULL) AND {CLOSED})",
        f"(team_id = COALESCE({TENANT}, (0)::bigint))",
        f"CASE WHEN ({SETTING} IS NULL) THEN false ELSE {CLOSED} END",
        f"(slug ~~ {SETTING})",
    ],
)
def test_an_isolating_expression_is_closed_and_never_true_for_another_tenant(text: str) -> None:
    reading = read(text)
    assert reading.unset.never
    assert reading.empty.never
    assert reading.set.never
    assert reading.opens == ()
    assert not reading.whatever.always


@pytest.mark.parametrize(
    ("text", "states"),
    [
        (f"(({SETTING} IS NULL) OR {CLOSED})", ("never set",)),
        # The planner meets the cast of '' before the OR is evaluated, in a sub-select it does not.
        (f"(({SETTING} = ''::text) OR (team_id = ({SETTING})::bigint))", ()),
        (f"(({SETTING} = ''::text) OR (team_id = ( SELECT ({SETTING})::bigint)))", ("empty",)),
        (f"((COALESCE({SETTING}, ''::text) = ''::text) OR {CLOSED})", ("never set", "empty")),
        (f"(({TENANT} IS NULL) OR {CLOSED})", ("never set", "empty")),
        (f"(team_id = COALESCE({TENANT}, team_id))", ("never set", "empty")),
        (f"\nCASE {SETTING}\n    WHEN ''::text THEN true\n    ELSE {CLOSED}\nEND", ("empty",)),
        (f"(slug ~~ ({SETTING} || '%'::text))", ("empty",)),
        (f"((({SETTING} IS NULL) OR {CLOSED}) AND (deleted_at IS NULL))", ("never set",)),
        (f"((({SETTING} IS NULL) OR {CLOSED}) AND (at < CURRENT_DATE))", ("never set",)),
        (f"(({SETTING} IS NULL) OR is_member(team_id))", ("never set",)),
        ("(current_setting('app.isolate'::text, true) IS DISTINCT FROM 'on'::text)", ("never set", "empty")),
        ("(COALESCE((current_setting('app.all'::text, true))::boolean, true) OR false)", ("never set",)),
        (f"(({SETTING} IS NULL) IS TRUE)", ("never set",)),
    ],
)
def test_an_expression_that_opens_says_in_which_state(text: str, states: tuple[str, ...]) -> None:
    assert read(text).opens == states


@pytest.mark.parametrize(
    "text",
    [
        f"(is_public OR {CLOSED})",
        f"((team_id IS NULL) OR {CLOSED})",
        f"((current_setting('app.all'::text, true) = 'on'::text) OR {CLOSED})",
        f"((({SETTING} IS NULL) AND (CURRENT_USER = 'office'::name)) OR {CLOSED})",
        f"((({SETTING} IS NULL) AND is_admin()) OR {CLOSED})",
        "(current_setting('TimeZone'::text) IS NOT NULL)",
        "(team_id IN ( SELECT members.team_id FROM members))",
        "(EXISTS ( SELECT 1\n   FROM m\n  WHERE ((m.team_id = t.team_id) AND (m.usr = CURRENT_USER))))",
        "(tenant = CURRENT_USER)",
        '(USER = "user")',
        "(auth.uid() = user_id)",
        "(t.* IS NOT NULL)",
        "(a OPERATOR(app.=) b)",
        "this is no (expression",
    ],
)
def test_what_is_meant_or_not_understood_is_not_called_open(text: str) -> None:
    reading = read(text)
    assert reading.opens == ()
    assert not reading.whatever.always


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "(1 = 1)",
        "(team_id = team_id)",
        "(NOT false)",
        "(true OR is_admin())",
        "(1 = ANY (ARRAY[2, 1]))",
    ],
)
def test_always_true(text: str) -> None:
    assert read(text).whatever.always


@pytest.mark.parametrize(
    "text", ["false", "NULL::boolean", "(1 = 2)", "(true AND (NULL = 1))", "(team_id = NULL)"]
)
def test_never_true(text: str) -> None:
    assert read(text).whatever.never


def test_what_cannot_be_parsed_is_opaque() -> None:
    assert read("((((") == OPAQUE
    assert OPAQUE.opaque
    assert not OPAQUE.names_nobody
    assert not OPAQUE.ignores("team_id")


def test_a_keyword_of_the_session_is_no_column() -> None:
    reading = read('((SESSION_USER = name) OR (USER = name) OR ("User" = name))')
    assert reading.columns == {"name", "User"}
    assert reading.opaque


def test_settings_read_for_each_row() -> None:
    assert read(CLOSED).settings_per_row == {"app.team_id"}
    assert read(ONCE).settings_per_row == frozenset()
    assert read(f"(({SETTING} IS NOT NULL) AND {ONCE})").settings_per_row == frozenset()


def test_functions_called_for_each_row_are_named_as_written() -> None:
    text = '((team_id = app."Tenant"()) AND (x = ( SELECT once())) AND (y = other()) AND also())'
    assert read(text).calls_per_row == {'app."Tenant"', "other"}


def test_columns_behind_an_or_that_no_index_serves() -> None:
    flag = "(current_setting('app.all'::text, true) = 'on'::text)"
    assert read(f"({flag} OR {CLOSED})").or_columns == {"team_id"}
    assert read(f"({CLOSED} OR is_admin())").or_columns == {"team_id"}
    assert read(f"({flag} OR is_public)").or_columns == {"is_public"}
    assert read(f"(({flag} OR {CLOSED}) AND {ONCE})").or_columns == frozenset()
    assert read(f"(is_public OR {CLOSED})").or_columns == frozenset()
    assert read(f"(false OR {CLOSED})").or_columns == frozenset()


def test_casts_of_columns_in_comparisons() -> None:
    assert read(f"((team_id)::text = {SETTING})").cast_columns == (("team_id", "text"),)
    assert read(f"({SETTING} = ((team_id)::integer)::character varying)").cast_columns == (
        ("team_id", "varchar"),
    )
    assert read("((team_id)::text = name)").cast_columns == ()
    assert read(CLOSED).cast_columns == ()


def test_a_function_of_sql_is_looked_into() -> None:
    text = "((tenant() IS NULL) OR (team_id = tenant()))"
    body = f"\n SELECT {TENANT};\n"
    assert read(text).opens == ()
    assert read(text, (("tenant()", body),)).opens == ("never set", "empty")
    assert read(text, (("tenant()", "SELECT team_id FROM members"),)).opens == ()


def test_what_only_compares_the_tenant() -> None:
    assert read(CLOSED).is_only_about("team_id")
    assert read(f"(({SETTING} IS NULL) OR {CLOSED})").is_only_about("team_id")
    assert not read(f"({CLOSED} AND open)").is_only_about("team_id")
    assert not read(f"({CLOSED} AND (team_id <> 3))").is_only_about("team_id")
    assert not read(
        "(COALESCE((current_setting('app.all'::text, true))::boolean, true) OR (team_id = 1))"
    ).is_only_about("team_id")
