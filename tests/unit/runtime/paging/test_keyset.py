from __future__ import annotations

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.paging import Order, Query, asc, desc
from tenfold.runtime.paging.keyset import Position, is_dense, statement

QUERY = Query("SELECT * FROM t WHERE team = $1", 7)
A, B = asc("a", nullable=False), asc("b", nullable=False)
DOWN = desc("a", nullable=False)


@pytest.mark.parametrize(
    ("order", "values", "ranges"),
    [
        (Order(key="id"), (1,), ('"id" > $2',)),
        (Order(key=("x", "y")), (1, 2), ('("x", "y") > ($2, $3)',)),
        (Order(A, B, key="id"), (1, 2, 3), ('("a", "b", "id") > ($2, $3, $4)',)),
        (Order(DOWN, key="id"), (1, 2), ('("a", "id") < ($2, $3)',)),
        (Order(DOWN, asc("id"), key="id"), (1, 2), ('"a" = $2 AND "id" > $3', '"a" < $2')),
        (
            Order(DOWN, B, asc("id"), key="id"),
            (1, 2, 3),
            ('"a" = $2 AND ("b", "id") > ($3, $4)', '"a" < $2'),
        ),
        (Order(asc("a"), key="id"), (1, 2), ('("a", "id") > ($2, $3)', '"a" IS NULL')),
        (Order(asc("a"), key="id"), (None, 2), ('"a" IS NULL AND "id" > $2',)),
        (Order(desc("a"), key="id"), (1, 2), ('("a", "id") < ($2, $3)',)),
        (Order(desc("a"), key="id"), (None, 2), ('"a" IS NULL AND "id" < $2', '"a" IS NOT NULL')),
        (
            Order(A, asc("n", nulls="first"), key="id"),
            (1, None, 2),
            ('"a" = $2 AND "n" IS NULL AND "id" > $3', '"a" = $2 AND "n" IS NOT NULL', '"a" > $2'),
        ),
        # NULLs of a column within a comparison would lie between rows that it finds.
        (
            Order(A, asc("n"), B, key="id"),
            (1, 2, 3, 4),
            ('"a" = $2 AND ("n", "b", "id") > ($3, $4, $5)', '"a" = $2 AND "n" IS NULL', '"a" > $2'),
        ),
    ],
)
def test_what_lies_behind_a_place_is_one_range_for_each_run_of_columns(
    order: Order, values: tuple[object, ...], ranges: tuple[str, ...]
) -> None:
    asked = statement(QUERY, order, 5, Position(values))
    assert asked.ranges == ranges
    assert asked.parameters == (7, *(value for value in values if value is not None))


@pytest.mark.parametrize(
    ("order", "ranges"),
    [
        (Order(A, key="id"), ('("a", "id") < ($2, $3)',)),
        (Order(DOWN, asc("id"), key="id"), ('"a" = $2 AND "id" < $3', '"a" > $2')),
        (Order(desc("a"), key="id"), ('("a", "id") > ($2, $3)', '"a" IS NULL')),
    ],
)
def test_backward_is_the_same_in_the_reversed_order(order: Order, ranges: tuple[str, ...]) -> None:
    asked = statement(QUERY, order, 5, Position((1, 2), backward=True))
    assert asked.ranges == ranges
    assert asked.text.endswith(f"ORDER BY {order.reversed.sql}\nLIMIT 5")


def test_an_inclusive_place_is_in_the_nearest_range_alone() -> None:
    order = Order(DOWN, asc("id"), key="id")
    assert statement(QUERY, order, 5, Position((1, 2), inclusive=True)).ranges == (
        '"a" = $2 AND "id" >= $3',
        '"a" < $2',
    )


def test_a_single_range_is_a_plain_statement_around_the_query() -> None:
    assert statement(QUERY, Order(DOWN, key="id"), 5, Position((1, 2))).text == (
        "SELECT * FROM (\nSELECT * FROM t WHERE team = $1\n) AS page\n"
        'WHERE ("a", "id") < ($2, $3)\n'
        'ORDER BY "a" DESC NULLS FIRST, "id" DESC NULLS FIRST\nLIMIT 5'
    )


def test_the_nearest_range_alone_is_a_plain_statement_with_all_parameters() -> None:
    asked = statement(QUERY, Order(DOWN, asc("id"), key="id"), 5, Position((1, 2)), nearest=True)
    assert asked.ranges == ('"a" = $2 AND "id" > $3',)
    assert "UNION" not in asked.text
    assert asked.parameters == (7, 1, 2)


@pytest.mark.parametrize(
    ("order", "places", "dense"),
    [
        (Order(DOWN, asc("id"), key="id"), [(1, 2), (1, 5)], True),
        (Order(DOWN, asc("id"), key="id"), [(1, 2), (0, 5)], False),
        (Order(asc("a"), key="id"), [(None, 2), (None, 5)], True),
        (Order(asc("a", nulls="first"), key="id"), [(None, 2), (1, 5)], True),
        (Order(DOWN, asc("n"), key="id"), [(1, None, 2), (1, None, 5)], True),
        (Order(DOWN, asc("n"), key="id"), [(1, 7, 2), (1, None, 5)], False),
        (Order(DOWN, B, desc("id"), key="id"), [(1, 3, 2), (1, 4, 1)], False),
        (Order(DOWN, B, desc("id"), key="id"), [(1, 3, 2), (1, 3, 1)], True),
        # One range in all, or one up to the NULLs.
        (Order(A, B, key="id"), [(1, 2, 3), (4, 5, 6)], True),
        (Order(asc("a"), key="id"), [(1, 2), (3, 4)], True),
        # One row tells nothing of those behind it.
        (Order(DOWN, asc("id"), key="id"), [(1, 2)], False),
        (Order(DOWN, asc("id"), key="id"), [], False),
    ],
)
def test_a_page_is_dense_where_its_rows_share_all_columns_before_the_last_run(
    order: Order, places: list[tuple[object, ...]], dense: bool
) -> None:
    assert is_dense(order, places) is dense


def test_the_beginning_has_no_condition() -> None:
    asked = statement(QUERY, Order(key="id"), 5)
    assert "WHERE" not in asked.text.replace(QUERY.text, "")
    assert (asked.parameters, asked.ranges) == ((7,), ())


@pytest.mark.parametrize(
    "text",
    ["", "  ", "SELECT 1;", "SELECT 1 ; ", "SELECT * FROM t WHERE a = $2", "SELECT $1 || '$9' || $3"],
)
def test_a_text_that_cannot_be_wrapped_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Query(text, 1)


def test_a_dollar_in_a_string_is_no_parameter() -> None:
    assert Query("SELECT * FROM t WHERE a = $1 AND b <> 'it''s $5'", 1).parameters == (1,)
