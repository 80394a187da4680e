"""Three-valued logic over many rows: the tables, and what is known of a result."""

from __future__ import annotations

import itertools

import pytest

from tenfold.rules.tenancy._truth import (
    BY_ROW,
    ERROR,
    FALSE,
    LATE_ERROR,
    NULL,
    TRUE,
    UNKNOWN,
    Outcome,
    Truth,
    both,
    either,
    negated,
    one_of,
)

SINGLE = (TRUE, FALSE, NULL)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SINGLE, SINGLE)))
def test_and_and_or_follow_the_sql_standard(one: Truth, other: Truth) -> None:
    order = (FALSE, NULL, TRUE)
    assert both(one, other) == min(one, other, key=order.index)
    assert either(one, other) == max(one, other, key=order.index)
    assert negated(negated(one)) == one
    assert negated(both(one, other)) == either(negated(one), negated(other))


@pytest.mark.parametrize("result", [either(TRUE, ERROR), either(ERROR, TRUE), either(LATE_ERROR, TRUE)])
def test_whether_an_error_is_met_before_what_decides_is_not_known(result: Truth) -> None:
    assert not result.always
    assert not result.never
    assert not result.sometimes


def test_a_late_error_is_not_met_where_the_left_side_of_an_or_decides() -> None:
    assert either(TRUE, LATE_ERROR) == TRUE


@pytest.mark.parametrize("error", [ERROR, LATE_ERROR])
def test_an_error_is_met_where_nothing_decides(error: Truth) -> None:
    assert both(TRUE, error) == both(error, NULL) == either(FALSE, error) == either(error, NULL) == error
    assert both(FALSE, error).never


def test_what_is_not_known_does_not_outweigh_what_decides() -> None:
    assert both(UNKNOWN, FALSE).never
    assert either(TRUE, UNKNOWN) == TRUE
    assert both(UNKNOWN, NULL).never
    assert not both(UNKNOWN, TRUE).never
    assert not both(UNKNOWN, TRUE).sometimes


def test_rows_that_differ_make_a_result_that_is_sometimes_true() -> None:
    assert BY_ROW.sometimes
    assert both(BY_ROW, TRUE) == BY_ROW
    assert both(BY_ROW, NULL).outcomes == {Outcome.FALSE, Outcome.NULL}
    assert both(BY_ROW, FALSE) == FALSE
    assert not both(BY_ROW, UNKNOWN).sometimes


def test_one_of_several_is_not_known_to_be_reached_unless_they_agree() -> None:
    assert not one_of([TRUE, FALSE]).sometimes
    assert one_of([TRUE, TRUE]) == TRUE
