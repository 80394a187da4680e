"""What shows when a plan is run: estimates that were off, loops, fetches and rechecks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.explain.conditions import conditions
from tenfold.explain.ground import MANY_ROWS, Ground, Place
from tenfold.model.ddl import names
from tenfold.model.explained import Verdict
from tenfold.model.query_plan import PlanNode

#: Times that an estimate may be off, and rows below which that changes no plan.
_OFF, _FEW = 10.0, 100.0
#: Runs of a nested loop's inner side from which another join is worth a thought.
_MANY_LOOPS = 10_000
#: Fetches and rechecked rows below which there is nothing to gain.
_MANY_FETCHES = 1_000
# Nodes that stop asking before there is no more.
_STOPPERS = frozenset({"Limit", "Merge Join", "Unique", "LockRows"})


def estimate_off(place: Place, ground: Ground) -> Iterator[Verdict]:
    """Ten times more or fewer rows than expected, at the node where it begins."""
    off = _off(place.node)
    if off is None or any(_off(child) == off for child in place.node.children):
        return
    if off == "fewer" and any(_stops(node) for node in place.above):
        return  # the rest was not asked for
    node = place.node
    assert node.actual_rows is not None
    expected, counted = max(node.rows, 1.0), max(node.actual_rows, 1.0)
    times = max(expected / counted, counted / expected)
    yield Verdict(
        "estimate-off",
        node.label,
        place.path,
        f"{node.rows:,.0f} rows expected, {node.actual_rows:,.0f} counted{_each(place)}: "
        f"{times:,.0f} times off",
        _better_estimate(node, ground),
    )


def many_loops(place: Place, _ground: Ground) -> Iterator[Verdict]:
    """A nested loop whose inner side runs very often."""
    node = place.node
    if node.type != "Nested Loop" or len(node.children) < 2:
        return
    outer, inner = node.children[:2]
    loops = inner.loops if place.analyzed else outer.rows * place.processes
    if loops is None or loops < _MANY_LOOPS or inner.type == "Materialize":
        return
    how = "ran" if place.analyzed else "is expected to run"
    yield Verdict(
        "many-loops",
        node.label,
        place.path,
        f"its inner side, {inner.label}, {how} {loops:,.0f} times",
        "select fewer rows of the outer side first, or join on an equality that a hash join can take; "
        "where the estimate of the outer side is off, mend that",
    )


def heap_fetches(place: Place, ground: Ground) -> Iterator[Verdict]:
    """An index-only scan that has to look at the table after all."""
    node = place.node
    if node.type != "Index Only Scan":
        return
    relation = ground.relation(node)
    remedy = f"VACUUM {relation.qualified if relation else node.relation}, and have autovacuum do it sooner"
    if place.analyzed:
        fetched, read = (
            float(node.heap_fetches or 0),
            place.rows + (node.removed_by_filter or 0) * place.loops,
        )
        if fetched >= _MANY_FETCHES and fetched * 10 >= read:
            message = f"it fetched {fetched:,.0f} rows from the table for {read:,.0f} entries of the index"
            yield Verdict("heap-fetches", node.label, place.path, message, remedy)
    elif relation is not None and relation.pages > 0 and place.rows >= MANY_ROWS:
        visible = relation.all_visible_pages / relation.pages
        if visible < 0.5:
            message = (
                f"only {visible:.0%} of the table's pages are known to be visible to all: it fetches the rest"
            )
            yield Verdict("heap-fetches", node.label, place.path, message, remedy)


def lossy_recheck(place: Place, _ground: Ground) -> Iterator[Verdict]:
    """An index that found more than matches."""
    node = place.node
    removed = (node.removed_by_recheck or 0) * place.loops
    if removed < _MANY_FETCHES or removed < place.rows:
        return
    if node.lossy_blocks:
        why = f", {node.lossy_blocks:,} of its pages without knowing their rows"
        remedy = "the bitmap did not fit into work_mem: SET LOCAL work_mem for this query"
    else:
        why, remedy = (
            "",
            "the index is lossy for this condition: search by a longer or rarer value, or a B-tree key",
        )
    message = f"the recheck threw away {removed:,.0f} rows to keep {place.rows:,.0f}{why}"
    yield Verdict("lossy-recheck", node.label, place.path, message, remedy)


def _off(node: PlanNode) -> str | None:
    """Whether more or fewer rows came than expected, tenfold."""
    if node.actual_rows is None or not node.loops:
        return None
    expected, counted = max(node.rows, 1.0), max(node.actual_rows, 1.0)
    if max(expected, counted) * node.loops < _FEW:
        return None
    if counted >= expected * _OFF:
        return "more"
    return "fewer" if expected >= counted * _OFF else None


def _stops(node: PlanNode) -> bool:
    return node.type in _STOPPERS or node.join in ("Semi", "Anti")


def _each(place: Place) -> str:
    return f" in each of {place.loops:,.0f} loops" if place.loops > 1 else ""


def _better_estimate(node: PlanNode, ground: Ground) -> str:
    relation = ground.relation(node)
    if relation is None:
        return "look at the nodes below and at the statistics of the columns that it joins or groups by"
    parts = (*conditions(node.index_condition), *conditions(node.recheck_condition), *conditions(node.filter))
    columns = list(dict.fromkeys(part.left.column for part in parts if part.left.column is not None))
    if len(columns) > 1:
        return (
            f"ANALYZE {relation.qualified}; where that does not help, the columns depend on each other: "
            f"CREATE STATISTICS ON {names(columns)} FROM {relation.qualified}"
        )
    return f"ANALYZE {relation.qualified}, with a larger statistics target where that does not help"
