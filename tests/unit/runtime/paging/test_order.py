from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import OrderError, UsageError
from tenfold.runtime.paging import Order, asc, desc


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (Order(key="id"), '"id" ASC NULLS LAST'),
        (Order(asc("a"), key="id"), '"a" ASC NULLS LAST, "id" ASC NULLS LAST'),
        (Order(desc("a"), key="id"), '"a" DESC NULLS FIRST, "id" DESC NULLS FIRST'),
        (Order(desc("a", nulls="last"), key="id"), '"a" DESC NULLS LAST, "id" DESC NULLS FIRST'),
        (Order(asc("a", nulls="first"), key="id"), '"a" ASC NULLS FIRST, "id" ASC NULLS LAST'),
        (Order(desc("a"), asc("id"), key="id"), '"a" DESC NULLS FIRST, "id" ASC NULLS LAST'),
        (Order(asc("a"), key=("x", "y")), '"a" ASC NULLS LAST, "x" ASC NULLS LAST, "y" ASC NULLS LAST'),
        (Order(asc("y"), key=("x", "y")), '"y" ASC NULLS LAST, "x" ASC NULLS LAST'),
        (Order(asc('A "b"'), key="id"), '"A ""b""" ASC NULLS LAST, "id" ASC NULLS LAST'),
    ],
)
def test_the_key_ends_the_order_in_the_direction_before_it(order: Order, text: str) -> None:
    assert order.sql == text


def test_columns_behind_the_whole_key_decide_nothing_and_are_left_out() -> None:
    assert Order(asc("id"), desc("a"), key="id").names == ("id",)
    assert Order(asc("x"), asc("a"), asc("y"), asc("b"), key=("x", "y")).names == ("x", "a", "y")


def test_a_reversed_order_reverses_the_nulls_too_and_twice_is_the_same() -> None:
    order = Order(asc("a"), desc("b", nulls="last"), key="id")
    assert order.reversed.sql == '"a" DESC NULLS FIRST, "b" ASC NULLS FIRST, "id" ASC NULLS LAST'
    assert order.reversed.reversed == order
    assert order.reversed != order


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ((asc("a"), desc("a")), "id"),
        ((asc("id"), desc("id")), "id"),
        ((asc("a"),), ()),
        ((asc("a"),), ("id", "id")),
    ],
)
def test_an_order_that_cannot_be_is_refused(columns: Any, key: Any) -> None:
    with pytest.raises(UsageError):
        Order(*columns, key=key)


def test_a_row_has_its_place_unless_it_breaks_a_promise() -> None:
    order = Order(asc("a"), desc("b", nullable=False), key="id")
    row: Any = {"a": None, "b": 2, "id": 1, "more": "x"}
    assert order.values(row) == (None, 2, 1)
    with pytest.raises(OrderError, match="column b holds NULL, but the order has it as not nullable"):
        order.values(row | {"b": None})
    with pytest.raises(OrderError, match="column id holds NULL, but the order has it as a part of its key"):
        order.values(row | {"id": None})


def test_two_rows_in_one_place_are_refused() -> None:
    order = Order(asc("a"), key="id")
    rows: Any = [{"a": 1, "id": 1}, {"a": 1, "id": 2}, {"a": 1, "id": 2}]
    assert order.places(rows[:2]) == [(1, 1), (1, 2)]
    with pytest.raises(OrderError, match=r"key \(id\) is not unique"):
        order.places(rows)
