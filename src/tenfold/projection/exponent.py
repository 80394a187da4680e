"""How fast a cost grows with the rows it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence


def growth_exponent(rows: Sequence[float], costs: Sequence[float]) -> float | None:
    """The slope of log cost over log rows, by least squares: 0 stays, 1 grows as the rows, 2 as their square.

    None where fewer than two different numbers of rows are known.
    """
    pairs = [
        (math.log(count), math.log(cost))
        for count, cost in zip(rows, costs, strict=True)
        if count > 0 and cost > 0
    ]
    if len(pairs) < 2:
        return None
    mean_x = math.fsum(x for x, _ in pairs) / len(pairs)
    mean_y = math.fsum(y for _, y in pairs) / len(pairs)
    spread = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    if spread < 1e-9:
        return None
    return math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
