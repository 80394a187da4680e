from __future__ import annotations

import base64
import datetime
import enum
import math
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tenfold.errors import CursorError, OrderError, UsageError
from tenfold.runtime.paging import Cursors, Order, Query, asc, desc
from tenfold.runtime.paging.keyset import Position

CURSORS = Cursors(b"sixteen bytes or more")
ORDER = Order(asc("a"), key="id")
QUERY = Query("SELECT * FROM t WHERE team = $1", 7)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())),
    st.dates(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.floats(allow_nan=False),
)
POSITIONS = st.builds(Position, st.tuples(VALUES, st.integers()), st.booleans(), st.booleans(), st.booleans())
TENANTS = st.one_of(st.none(), st.uuids(), st.integers(-(2**63), 2**63 - 1))


@given(POSITIONS, TENANTS)
def test_what_is_sealed_is_opened_with_its_types(position: Position, tenant: Any) -> None:
    text = CURSORS.seal(position, tenant, ORDER, QUERY)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    opened = CURSORS.open(text, tenant, ORDER, QUERY)
    assert opened == position
    assert [type(value) for value in opened.values] == [type(value) for value in position.values]


def test_numbers_that_equal_nothing_are_carried_too() -> None:
    text = CURSORS.seal(Position((math.nan, 1)), 7, ORDER, QUERY)
    assert math.isnan(CURSORS.open(text, 7, ORDER, QUERY).values[0])  # type: ignore[arg-type]
    text = CURSORS.seal(Position((Decimal("NaN"), 1)), 7, ORDER, QUERY)
    assert str(CURSORS.open(text, 7, ORDER, QUERY).values[0]) == "NaN"


def test_a_time_stamp_in_the_hour_that_comes_twice_stays_the_instant_it_was() -> None:
    second = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    text = CURSORS.seal(Position((second, 1)), 7, ORDER, QUERY)
    opened: Any = CURSORS.open(text, 7, ORDER, QUERY).values[0]
    assert opened.astimezone(datetime.UTC) == second.astimezone(datetime.UTC)


class _Mood(enum.StrEnum):
    GOOD = "good"


class _Named(str, enum.Enum):  # noqa: UP042 - its str() is its name, which is the point
    ONE = "first"


@pytest.mark.parametrize(("value", "carried"), [(_Mood.GOOD, "good"), (_Named.ONE, "first")])
def test_an_enum_of_texts_is_carried_as_its_text(value: object, carried: str) -> None:
    text = CURSORS.seal(Position((value, 1)), 7, ORDER, QUERY)
    assert CURSORS.open(text, 7, ORDER, QUERY).values == (carried, 1)


@given(POSITIONS, st.data())
def test_a_cursor_with_any_character_changed_is_refused(position: Position, data: st.DataObject) -> None:
    text = CURSORS.seal(position, 7, ORDER, QUERY)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(max_codepoint=255))
    assume(other != text[place])
    with pytest.raises(CursorError):
        CURSORS.open(text[:place] + other + text[place + 1 :], 7, ORDER, QUERY)


@given(POSITIONS, st.data())
def test_a_cursor_cut_or_extended_is_refused(position: Position, data: st.DataObject) -> None:
    text = CURSORS.seal(position, 7, ORDER, QUERY)
    cut = data.draw(st.integers(0, len(text) - 1))
    for forged in (text[:cut], text[cut + 1 :], text + "A", text + "=", " " + text, text + text):
        with pytest.raises(CursorError):
            CURSORS.open(forged, 7, ORDER, QUERY)


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))))
def test_what_was_never_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        CURSORS.open(text, 7, ORDER, QUERY)


def test_what_is_no_text_or_too_long_is_refused() -> None:
    for wrong in (None, 7, b"abc", "A" * 5_000_000):
        with pytest.raises(CursorError):
            CURSORS.open(wrong, 7, ORDER, QUERY)  # type: ignore[arg-type]


ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.mark.parametrize(
    ("tenant", "order", "query"),
    [
        (8, ORDER, QUERY),
        (None, ORDER, QUERY),
        (uuid.UUID(int=7), ORDER, QUERY),
        (7, Order(desc("a"), key="id"), QUERY),
        (7, Order(asc("a", nulls="first"), key="id"), QUERY),
        (7, Order(asc("a", nullable=False), key="id"), QUERY),
        (7, Order(asc("b"), key="id"), QUERY),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1 ", 8)),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", "7")),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", 7.0)),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", Decimal(7))),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", [7])),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", 7, None)),
        (7, ORDER, Query("SELECT * FROM t  WHERE team = $1", 7)),
        (7, ORDER, Query("SELECT * FROM t WHERE team = $1", 7, bound_to="x")),
    ],
)
def test_a_cursor_of_another_tenant_order_or_filter_is_refused(
    tenant: Any, order: Order, query: Query
) -> None:
    text = CURSORS.seal(Position((1, 2)), 7, ORDER, QUERY)
    assert CURSORS.open(text, 7, ORDER, QUERY).values == (1, 2)
    with pytest.raises(CursorError):
        CURSORS.open(text, tenant, order, query)


def test_a_query_bound_to_something_plain_may_move_its_parameters() -> None:
    text = CURSORS.seal(Position((1, 2)), 7, ORDER, Query("SELECT $1, $2", 7, 1.0, bound_to=(7, "last week")))
    later = Query("SELECT $1, $2", 7, 2.0, bound_to=(7, "last week"))
    assert CURSORS.open(text, 7, ORDER, later).values == (1, 2)
    with pytest.raises(CursorError):
        CURSORS.open(text, 7, ORDER, Query("SELECT $1, $2", 7, 1.0, bound_to=(7, "this week")))


def test_parameters_of_many_kinds_can_be_bound_and_others_are_named_as_the_fault() -> None:
    kinds = Query("SELECT $1, $2, $3, $4, $5", [ONE, TWO], b"raw", {"b": 1, "a": [2]}, None, {3, 1})
    text = CURSORS.seal(Position((1, 2)), 7, ORDER, kinds)
    same = Query("SELECT $1, $2, $3, $4, $5", [ONE, TWO], b"raw", {"a": [2], "b": 1}, None, {1, 3})
    assert CURSORS.open(text, 7, ORDER, same).values == (1, 2)
    with pytest.raises(UsageError, match="bound_to"):
        CURSORS.seal(Position((1, 2)), 7, ORDER, Query("SELECT $1", object()))


def test_a_key_is_changed_without_refusing_the_cursors_of_the_old_one() -> None:
    old, new = b"the old key, long enough", b"the new key, long enough"
    text = Cursors(old).seal(Position((1, 2)), 7, ORDER, QUERY)
    assert Cursors(new, old).open(text, 7, ORDER, QUERY).values == (1, 2)
    fresh = Cursors(new, old).seal(Position((1, 2)), 7, ORDER, QUERY)
    assert Cursors(new).open(fresh, 7, ORDER, QUERY).values == (1, 2)
    with pytest.raises(CursorError):
        Cursors(new).open(text, 7, ORDER, QUERY)


@pytest.mark.parametrize(
    "keys", [(), (b"",), (b"short",), (b"long enough to be a key", b"short"), ("text" * 8,)]
)
def test_keys_that_could_be_guessed_are_refused(keys: Any) -> None:
    with pytest.raises(UsageError):
        Cursors(*keys)


def test_keys_are_not_shown() -> None:
    assert "sixteen" not in repr(CURSORS)


@pytest.mark.parametrize("value", [datetime.timedelta(1), b"bytes", [1], object()])
def test_a_value_that_cannot_be_carried_is_named_by_its_column(value: object) -> None:
    with pytest.raises(OrderError, match="column a has values of type"):
        CURSORS.seal(Position((value, 1)), 7, ORDER, QUERY)


def test_a_value_too_long_for_an_address_is_refused_when_it_is_sealed() -> None:
    with pytest.raises(OrderError, match="too long"):
        CURSORS.seal(Position(("x" * 4_000, 1)), 7, ORDER, QUERY)
