"""The arithmetic of `tenfold bench twin`."""

from __future__ import annotations

import pytest

from tenfold.bench.likeness import (
    Pages,
    Pair,
    Spread,
    Timed,
    distance,
    lengths,
    likeness,
    ratio,
    timely,
)
from tenfold.model.query_plan import PlanNode, QueryPlan


def plan(cost: float, *nodes: PlanNode, rows: float = 100.0) -> QueryPlan:
    return QueryPlan(root=PlanNode(type="Sort", total_cost=cost, rows=rows, children=nodes))


def scan(rows: float, type: str = "Seq Scan") -> PlanNode:
    return PlanNode(type=type, relation="leads", rows=rows, total_cost=1.0)


def pair(predicted: QueryPlan, real: QueryPlan, query: str = "q") -> Pair:
    return Pair(query=query, case="case", predicted=predicted, real=real)


def test_too_much_and_too_little_are_equally_far() -> None:
    assert distance(2.0) == pytest.approx(1.0)
    assert distance(0.5) == pytest.approx(1.0)
    assert distance(1.0) == 0.0


def test_nothing_beside_nothing_is_alike() -> None:
    assert ratio(0, 0) == 1.0


def test_a_spread_has_the_middle_ratio_and_distances_either_way() -> None:
    spread = Spread.of([1.0, 1.1, 0.5])
    assert (spread.count, spread.ratio) == (3, 1.0)
    assert (spread.median, spread.tail, spread.worst) == pytest.approx((0.1, 1.0, 1.0))


def test_of_twenty_the_tail_is_the_nineteenth() -> None:
    assert Spread.of([1.0] * 18 + [1.2, 9.0]).tail == pytest.approx(0.2)


def test_rows_are_compared_node_by_node_where_plans_are_alike() -> None:
    assert pair(plan(1, scan(10)), plan(1, scan(20))).row_ratios == (1.0, 0.5)


def test_rows_of_plans_that_differ_are_those_of_the_roots() -> None:
    other = plan(1, scan(20, "Bitmap Heap Scan"), rows=50)
    assert pair(plan(1, scan(10)), other).row_ratios == (2.0,)


def test_the_goal_is_missed_by_shapes_alone() -> None:
    same = pair(plan(10, scan(5)), plan(10, scan(5)))
    differs = pair(plan(10, scan(5)), plan(10, scan(5, "Bitmap Heap Scan")), "other")
    assert likeness("case", [same] * 19 + [differs]).reached
    result = likeness("case", [same] * 18 + [differs] * 2)
    assert (result.same, result.asked, result.reached) == (18, 20, False)


def test_a_miss_is_named_with_the_first_node_that_differs() -> None:
    differs = pair(plan(10, scan(5)), plan(10, scan(5, "Bitmap Heap Scan")), "other")
    (missed,) = likeness("case", [pair(plan(10), plan(10)), differs]).missed
    assert missed.query == "other"
    assert missed.difference == "Seq Scan on leads; really Bitmap Heap Scan on leads"


def test_a_cost_that_is_off_is_named_with_the_rows_farthest_off() -> None:
    (missed,) = likeness("case", [pair(plan(20, scan(300)), plan(10, scan(100)))]).missed
    assert missed.difference == "300 rows of Seq Scan on leads; really 100"


def test_lengths_go_by_method_and_short_ones_count_only_together() -> None:
    btree, gin = lengths(
        [Pages("a", "btree", 104, 100), Pages("b", "btree", 2, 1), Pages("c", "gin", 160, 100)]
    )
    assert (btree.method, btree.count, btree.reached) == ("btree", 1, True)
    assert btree.total == pytest.approx(106 / 101)
    assert (gin.method, gin.reached) == ("gin", False)
    assert gin.worst == Pages("c", "gin", 160, 100)


def test_a_time_is_in_time_within_twice_and_half() -> None:
    times = [Timed(query="q", case="c", predicted=ms, measured=1.0) for ms in (0.4, 0.6, 1.9, 2.1)]
    assert timely(times) == 0.5
