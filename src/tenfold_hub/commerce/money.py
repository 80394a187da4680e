"""Amounts of money: whole minor units of a currency of ISO 4217, such as cents. Nothing here is a float."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated

import iso4217
from msgspec import Meta

from tenfold_hub.kit.problems import invalid

#: An amount that JSON's readers hold exactly: below 2**53 with room for a few of them.
MOST_MINOR = 10**15

Minor = Annotated[int, Meta(ge=0, le=MOST_MINOR, description="Minor units of the currency: cents.")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="A code of ISO 4217.")]
#: Hundredths of a percent: 1900 is 19 %.
BasisPoints = Annotated[int, Meta(ge=0, le=10_000, description="Hundredths of a percent.")]


@cache
def exponents() -> Mapping[str, int]:
    """By code: how many decimal digits its minor unit has. Gold, testing codes and the like have none."""
    return {each.code: each.exponent for each in iso4217.Currency if each.exponent is not None}


def require_currency(code: str, pointer: str) -> None:
    """Raises Problem."""
    if code not in exponents():
        raise invalid(pointer, "unknown_currency", "this is no currency of ISO 4217")


def half_up(numerator: int, denominator: int) -> int:
    """The quotient of what is not negative, rounded to the nearest whole; a half is rounded up."""
    return (2 * numerator + denominator) // (2 * denominator)


def spread(amount: int, weights: list[int]) -> list[int]:
    """Shares of an amount in proportion to the weights, which add up to it exactly.

    Each is what it would be, rounded down; what is left goes, one by one, to those that lost most by that,
    and of equals to the first. No share is above its weight where the amount is not above their sum.
    """
    whole = sum(weights)
    if not amount or not whole:
        return [0] * len(weights)
    shares = [amount * weight // whole for weight in weights]
    lost = sorted(range(len(weights)), key=lambda place: -(amount * weights[place] % whole))
    for place in lost[: amount - sum(shares)]:
        shares[place] += 1
    return shares
