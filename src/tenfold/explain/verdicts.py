"""What is wrong with a plan, node by node, with figures and what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tenfold.explain.access import filter_discards, sequential_scan
from tenfold.explain.closed_index import index_missed, not_leakproof
from tenfold.explain.ground import Ground, Place, places
from tenfold.explain.memory import spill
from tenfold.explain.running import estimate_off, heap_fetches, lossy_recheck, many_loops
from tenfold.model.explained import Verdict
from tenfold.model.query_plan import QueryPlan

Judge = Callable[[Place, Ground], Iterator[Verdict]]

#: In the order of what to look at first.
JUDGES: tuple[Judge, ...] = (
    not_leakproof,
    index_missed,
    sequential_scan,
    filter_discards,
    many_loops,
    spill,
    estimate_off,
    heap_fetches,
    lossy_recheck,
)


def verdicts(plan: QueryPlan, ground: Ground) -> tuple[Verdict, ...]:
    """The faults of a plan's nodes, the nearest to the root first.

    Of a plan that was run they are about what was counted, else about what is expected.
    """
    return tuple(
        verdict for place in places(plan.root) for judge in JUDGES for verdict in judge(place, ground)
    )
