"""Figures of a forecast in few characters, the same in every report."""

from __future__ import annotations

import math

from tenfold.model.forecast import Moment

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def rows_words(rows: float) -> str:
    """`164`, `18,000`, `5.2 M`, `1.3 bn`."""
    if rows < 100_000:
        return f"{rows:,.0f}"
    for limit, unit, size in ((1e6, "k", 1e3), (1e9, "M", 1e6), (1e12, "bn", 1e9)):
        if rows < limit * 0.9995:
            return f"{_three(rows / size)} {unit}"
    return f"{_three(rows / 1e12)} tn"


def bytes_words(size: int) -> str:
    """`8 kB`, `1.2 GB`: in steps of 1024, as the server's pg_size_pretty."""
    amount, step = float(size), 0
    while amount >= 999.5 and step < len(_UNITS) - 1:
        amount, step = amount / 1024, step + 1
    return f"{_three(amount)} {_UNITS[step]}"


def milliseconds_words(milliseconds: float) -> str:
    """`0.08 ms`, `250 ms`, `4.2 s`, `12 min`."""
    if milliseconds < 999.5:
        return f"{_three(milliseconds)} ms"
    seconds = milliseconds / 1000
    if seconds < 119.5:
        return f"{_three(seconds)} s"
    return f"{_three(seconds / 60)} min" if seconds < 7200 else f"{_three(seconds / 3600)} h"


def cost_words(cost: float) -> str:
    if cost < 100_000:
        return f"{cost:,.0f}" if cost >= 100 else _three(cost)
    power = math.floor(math.log10(cost))
    return f"{cost / 10**power:.1f}e{power}"


def exponent_words(exponent: float | None) -> str:
    return "rows^?" if exponent is None else f"rows^{exponent:.2f}"


def when_words(moment: Moment) -> str:
    return moment.label


def _three(number: float) -> str:
    """Three digits that count, no more."""
    if number >= 100 or number == 0:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 0.01 else f"{number:.1g}"
