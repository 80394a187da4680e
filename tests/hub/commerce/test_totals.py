"""Amounts are exact: lines add up to the order, whatever is ordered, discounted and taxed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_hub.commerce.money import exponents, half_up, require_currency, spread
from tenfold_hub.commerce.totals import Discount, Line, TaxMode, totals
from tenfold_hub.kit.problems import Problem

PARTS = st.integers(0, 10_000)
LINES = st.lists(
    st.builds(
        Line,
        quantity=st.integers(1, 1_000),
        unit_price_minor=st.integers(0, 10**8),
        discount=st.none() | st.builds(Discount, percent_bp=PARTS),
        tax_bp=PARTS,
    ),
    min_size=1,
    max_size=30,
)
MODES = st.sampled_from(["inclusive", "exclusive"])


@given(LINES, st.none() | st.builds(Discount, percent_bp=PARTS), MODES)
def test_the_lines_always_add_up_to_the_order(
    lines: list[Line], discount: Discount | None, mode: TaxMode
) -> None:
    found = totals(lines, discount, mode)
    assert found.total_minor == sum(line.total_minor for line in found.lines)
    assert found.tax_minor == sum(line.tax_minor for line in found.lines)
    assert found.subtotal_minor == sum(line.quantity * line.unit_price_minor for line in lines)
    assert found.discount_minor == sum(
        line.line_discount_minor + line.order_discount_minor for line in found.lines
    )
    on_top = found.tax_minor if mode == "exclusive" else 0
    assert found.total_minor == found.subtotal_minor - found.discount_minor + on_top
    for line in found.lines:
        assert 0 <= line.line_discount_minor + line.order_discount_minor <= line.subtotal_minor
        assert 0 <= line.tax_minor <= max(line.total_minor, 0)


@given(LINES, st.data(), MODES)
def test_an_amount_off_the_order_is_taken_off_whole(
    lines: list[Line], data: st.DataObject, mode: TaxMode
) -> None:
    before = totals(lines, None, mode)
    left = before.subtotal_minor - before.discount_minor
    amount = data.draw(st.integers(0, left))
    found = totals(lines, Discount(amount_minor=amount), mode)
    assert sum(line.order_discount_minor for line in found.lines) == amount


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=200), st.data())
def test_shares_add_up_and_none_is_above_its_weight(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    shares = spread(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
    whole = sum(weights) or 1
    assert all(
        abs(share * whole - amount * weight) < whole for share, weight in zip(shares, weights, strict=True)
    )


def test_what_is_left_goes_to_the_largest_remainders_and_of_equals_to_the_first() -> None:
    assert spread(100, [1, 1, 1]) == [34, 33, 33]
    assert spread(10, [3, 3, 1]) == [4, 4, 2]
    assert spread(5, [0, 0]) == [0, 0]


@pytest.mark.parametrize(
    ("amount", "rate", "tax"), [(250, 1000, 25), (25, 1000, 3), (15, 1000, 2), (24, 1000, 2)]
)
def test_a_half_is_rounded_up(amount: int, rate: int, tax: int) -> None:
    assert half_up(amount * rate, 10_000) == tax


def test_tax_within_and_tax_on_top() -> None:
    line = Line(quantity=1, unit_price_minor=11_900, tax_bp=1900)
    within, on_top = totals([line], None, "inclusive"), totals([line], None, "exclusive")
    assert (within.tax_minor, within.total_minor) == (1_900, 11_900)
    assert (on_top.tax_minor, on_top.total_minor) == (2_261, 14_161)


@pytest.mark.parametrize(
    ("own", "whole", "pointer"),
    [
        (Discount(amount_minor=101), None, "/items/0/discount"),
        (None, Discount(amount_minor=101), "/discount"),
        (Discount(), None, "/items/0/discount"),
        (Discount(percent_bp=1, amount_minor=1), None, "/items/0/discount"),
    ],
)
def test_a_discount_that_cannot_be_is_refused_by_its_place(
    own: Discount | None, whole: Discount | None, pointer: str
) -> None:
    with pytest.raises(Problem) as refused:
        totals([Line(quantity=1, unit_price_minor=100, discount=own)], whole, "exclusive")
    assert refused.value.errors[0].pointer == pointer


def test_an_order_above_what_readers_of_json_hold_is_refused() -> None:
    with pytest.raises(Problem, match="at most"):
        totals([Line(quantity=1_000_000, unit_price_minor=10**9)], None, "exclusive")


def test_minor_units_are_those_of_iso_4217() -> None:
    known = exponents()
    assert (known["EUR"], known["JPY"], known["KWD"], known["CLF"]) == (2, 0, 3, 4)
    for code in ("XAU", "EURO", "eur"):
        with pytest.raises(Problem, match="no currency"):
            require_currency(code, "/currency")
