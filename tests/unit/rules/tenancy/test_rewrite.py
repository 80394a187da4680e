"""Expressions written anew; that they mean the same to a server is tested in tests/db."""

from __future__ import annotations

from tenfold.rules.tenancy._expressions import read
from tenfold.rules.tenancy._rewrite import evaluated_once, uncast, without_exemptions, without_openings

SETTING = "current_setting('app.team_id'::text, true)"
TENANT = f"(NULLIF({SETTING}, ''::text))::bigint"
FLAG = "(current_setting('app.all'::text, true) = 'on'::text)"


def test_opening_terms_are_taken_out() -> None:
    text = f"((({SETTING} IS NULL) OR ({SETTING} = ''::text) OR (team_id = {TENANT})) AND open)"
    closed = without_openings(text)
    assert closed is not None
    assert read(closed).opens == ()
    assert read(closed).columns == {"team_id", "open"}


def test_a_term_that_a_value_makes_true_is_not_an_opening() -> None:
    assert without_openings(f"({FLAG} OR ({SETTING} IS NULL) OR (team_id = {TENANT}))") is not None
    assert (
        without_openings("((current_setting('a.b'::text, true) IS DISTINCT FROM 'x'::text) OR (a = 1))")
        is None
    )


def test_an_opening_that_is_no_term_of_an_or_cannot_be_taken_out() -> None:
    assert without_openings(f"(team_id = COALESCE({TENANT}, team_id))") is None


def test_what_is_not_understood_is_not_written_again() -> None:
    opaque = f"(({SETTING} IS NULL) OR is_member(team_id))"
    assert without_openings(opaque) is None
    assert without_exemptions(opaque) is None
    assert evaluated_once(f"((team_id = {TENANT}) AND is_member(team_id))") is None
    assert uncast(f"(((team_id)::text = {SETTING}) AND is_member(team_id))", "team_id", "bigint") is None


def test_exemptions_are_taken_out() -> None:
    only = without_exemptions(f"({FLAG} OR (team_id = {TENANT}))")
    assert only is not None
    assert read(only).or_columns == frozenset()
    assert read(only).settings == {"app.team_id"}


def test_settings_and_functions_move_into_sub_selects() -> None:
    once = evaluated_once(f"((team_id = {TENANT}) AND (author = app.me()))")
    assert once is not None
    assert read(once).settings_per_row == frozenset()
    assert read(once).calls_per_row == frozenset()
    assert "(SELECT app.me())" in once


def test_what_only_an_error_closes_is_not_put_where_errors_come_late() -> None:
    text = f"(({SETTING} = ''::text) OR (team_id = ({SETTING})::bigint))"
    assert read(text).opens == ()
    assert evaluated_once(text) is None


def test_an_array_that_would_be_read_as_another_is_not_written() -> None:
    assert (
        evaluated_once(f"((name = {SETTING}) AND ('a'::text = ANY (ARRAY[( SELECT 'b'::text), 'a'::text])))")
        is None
    )


def test_a_list_is_left_alone_since_any_of_a_sub_select_means_its_rows() -> None:
    assert evaluated_once(f"(team_id = ANY (({SETTING})::bigint[]))") is None


def test_the_cast_changes_sides() -> None:
    text = uncast(f"(((team_id)::text = {SETTING}) AND open)", "team_id", "bigint")
    assert text is not None
    assert read(text).cast_columns == ()
    assert read(text).empty.never


def test_a_cast_to_something_else_than_text_stays() -> None:
    assert (
        uncast("((team_id)::bigint = (current_setting('a.b'::text))::bigint)", "team_id", "integer") is None
    )
