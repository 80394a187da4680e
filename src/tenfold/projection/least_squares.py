"""Least squares without negative unknowns, weighted so that twice too much is as bad as half too little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import msgspec

_ROUNDS = 40
_SWEEPS = 2000
_STILL = 1e-10
# A measurement this many times off counts as one that is not further off: one statement the machine was
# disturbed at, or one that works in a way of its own, shall not bend the others.
_FAR = 2.0


class Equation(msgspec.Struct, frozen=True):
    """`sum(counts * unknowns) = result`, and how much it weighs against the others."""

    counts: tuple[float, ...]
    result: float
    weight: float = 1.0


def fit(equations: Sequence[Equation], beliefs: Sequence[Equation] = ()) -> tuple[float, ...]:
    """The unknowns, none negative, that make predicted through measured nearest to 1 over all equations.

    Beliefs are equations in plain least squares, relative to their own size: they decide what measurements
    leave open. Results of `equations` are positive.
    """
    width = len((*equations, *beliefs)[0].counts)
    unknowns = _start(equations, width)
    for _ in range(_ROUNDS):
        rows = [_weighed(equation, unknowns) for equation in equations]
        rows += [_believed(belief, unknowns) for belief in beliefs]
        found = _solve(rows, unknowns)
        still = all(abs(new - old) <= 1e-6 * (new + old) for new, old in zip(found, unknowns, strict=True))
        unknowns = found
        if still:
            break
    return tuple(unknowns)


def predicted(equation: Equation, unknowns: Sequence[float]) -> float:
    return sum(count * unknown for count, unknown in zip(equation.counts, unknowns, strict=True))


def _start(equations: Sequence[Equation], width: int) -> list[float]:
    """Each unknown as if a statement's time were all its own: too much, and of the right size."""
    return [
        median([e.result / e.counts[i] for e in equations if e.counts[i] > 0] or [0.0]) / width
        for i in range(width)
    ]


def _weighed(equation: Equation, unknowns: Sequence[float]) -> Equation:
    """Divided by the geometric mean of measured and predicted: the square is then nearly that of the ratio's
    logarithm, which knows no better side to be wrong on."""
    guess = max(predicted(equation, unknowns), equation.result * 1e-3)
    off = abs(math.log(guess / equation.result))
    scale = math.sqrt(equation.weight * min(1.0, math.log(_FAR) / max(off, 1e-9)))
    scale /= math.sqrt(guess * equation.result)
    return Equation(tuple(count * scale for count in equation.counts), equation.result * scale)


def _believed(belief: Equation, unknowns: Sequence[float]) -> Equation:
    size = sum(abs(count) * unknown for count, unknown in zip(belief.counts, unknowns, strict=True))
    scale = math.sqrt(belief.weight) / max(size, 1e-12)
    return Equation(tuple(count * scale for count in belief.counts), belief.result * scale)


def _solve(rows: Sequence[Equation], start: Sequence[float]) -> list[float]:
    """Projected coordinate descent on the normal equations, the unknowns brought to one size."""
    width = len(start)
    sizes = [math.sqrt(sum(row.counts[i] ** 2 for row in rows)) or 1.0 for i in range(width)]
    gram = [
        [sum(row.counts[i] * row.counts[j] for row in rows) / (sizes[i] * sizes[j]) for j in range(width)]
        for i in range(width)
    ]
    target = [sum(row.counts[i] * row.result for row in rows) / sizes[i] for i in range(width)]
    values = [value * size for value, size in zip(start, sizes, strict=True)]
    for _ in range(_SWEEPS):
        moved = 0.0
        for i in range(width):
            if gram[i][i] == 0:
                values[i] = 0.0
                continue
            gradient = target[i] - sum(gram[i][j] * values[j] for j in range(width))
            new = max(0.0, values[i] + gradient / gram[i][i])
            moved = max(moved, abs(new - values[i]))
            values[i] = new
        if moved <= _STILL * max(1e-12, max(values)):
            break
    return [value / size for value, size in zip(values, sizes, strict=True)]
