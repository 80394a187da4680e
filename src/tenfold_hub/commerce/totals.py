"""What an order costs, line by line. The lines always add up to the order, to the last minor unit.

Rounding is half up, once for each amount that is a fraction, and always of one line:

1. a line's own discount in percent, of quantity times unit price;
2. the order's discount in percent, of all lines after their own discounts; spread over the lines in
   proportion, the cents that are left by the largest remainder;
3. a line's tax, of what is left of it: on top (exclusive), or within (inclusive: rate / (1 + rate)).

The order's amounts are the sums of its lines'; nothing is rounded twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from tenfold_hub.commerce.money import MOST_MINOR, BasisPoints, Minor, half_up, spread
from tenfold_hub.kit.problems import invalid

TaxMode: TypeAlias = Literal["inclusive", "exclusive"]
_ALL = 10_000


class Discount(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A part in basis points, or an amount: one of them."""

    percent_bp: BasisPoints | None = None
    amount_minor: Minor | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    quantity: int
    unit_price_minor: int
    discount: Discount | None = None
    tax_bp: int = 0


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A line's amounts."""

    subtotal_minor: int
    line_discount_minor: int
    order_discount_minor: int
    tax_minor: int
    total_minor: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """An order's amounts, and its lines'."""

    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    lines: tuple[Priced, ...]


def totals(lines: Sequence[Line], discount: Discount | None, mode: TaxMode) -> Totals:
    """Raises Problem for a discount above what it is of, and for an order above what amounts can be."""
    subtotals = [line.quantity * line.unit_price_minor for line in lines]
    # The tax on top at most doubles it.
    if sum(subtotals) > MOST_MINOR // 2:
        raise invalid("/items", "too_large", f"an order is at most {MOST_MINOR // 2} minor units before tax")
    own = [
        _discounted(line.discount, subtotal, f"/items/{place}/discount")
        for place, (line, subtotal) in enumerate(zip(lines, subtotals, strict=True))
    ]
    left = [subtotal - each for subtotal, each in zip(subtotals, own, strict=True)]
    shares = spread(_discounted(discount, sum(left), "/discount"), left)
    priced = [
        _taxed(line, mode, subtotal, each, share)
        for line, subtotal, each, share in zip(lines, subtotals, own, shares, strict=True)
    ]
    return Totals(
        subtotal_minor=sum(subtotals),
        discount_minor=sum(own) + sum(shares),
        tax_minor=sum(each.tax_minor for each in priced),
        total_minor=sum(each.total_minor for each in priced),
        lines=tuple(priced),
    )


def require_one(discount: Discount | None, pointer: str) -> None:
    """Raises Problem for a discount that is neither a part nor an amount, or both."""
    if discount is not None and (discount.percent_bp is None) == (discount.amount_minor is None):
        raise invalid(pointer, "invalid", "give percent_bp or amount_minor")


def _discounted(discount: Discount | None, amount: int, pointer: str) -> int:
    if discount is None:
        return 0
    require_one(discount, pointer)
    if discount.percent_bp is not None:
        return half_up(amount * discount.percent_bp, _ALL)
    assert discount.amount_minor is not None
    if discount.amount_minor > amount:
        raise invalid(pointer, "too_large", "the discount is more than what it is taken off")
    return discount.amount_minor


def _taxed(line: Line, mode: TaxMode, subtotal: int, own: int, share: int) -> Priced:
    left = subtotal - own - share
    if mode == "exclusive":
        tax = half_up(left * line.tax_bp, _ALL)
        total = left + tax
    else:
        tax = half_up(left * line.tax_bp, _ALL + line.tax_bp)
        total = left
    return Priced(
        subtotal_minor=subtotal,
        line_discount_minor=own,
        order_discount_minor=share,
        tax_minor=tax,
        total_minor=total,
    )
