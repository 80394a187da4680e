"""Where to look next, where a budget is passed, and what changed in a plan."""

from __future__ import annotations

import pytest

from tenfold.model.query_plan import PlanNode
from tenfold.projection.crossings import Seen, Span, change_between, first_passed, passed_at, widest_open


def seen(*visits: tuple[float, str | None, float | None]) -> list[Seen]:
    return [Seen(*visit) for visit in visits]


def test_a_span_where_nothing_happens_is_not_looked_at() -> None:
    still = seen((0, "a", 1.0), (1, "a", 2.0), (2, "a", 3.0))
    assert widest_open([still], [100.0], [], 0.1) is None


def test_the_span_in_which_a_plan_changes_is_looked_at() -> None:
    changing = seen((0, "a", None), (1, "a", None), (2, "b", None))
    assert widest_open([changing], [100.0], [], 0.1) == Span(1, 2)


def test_a_passed_budget_counts_more_than_a_changed_plan() -> None:
    changing = seen((0, "a", 1.0), (1, "b", 1.0), (2, "b", 1.0))
    breaking = seen((0, "a", 1.0), (1, "a", 50.0), (2, "a", 150.0))
    assert widest_open([changing, breaking], [100.0, 100.0], [], 0.1) == Span(1, 2)


def test_only_the_first_time_past_the_budget_is_looked_for() -> None:
    breaking = seen((0, "a", 150.0), (1, "a", 200.0))
    assert widest_open([breaking], [100.0], [], 0.1) is None


def test_narrow_and_barred_spans_are_left() -> None:
    changing = seen((0, "a", None), (1, "b", None), (1.05, "c", None))
    assert widest_open([changing], [100.0], [Span(0, 1)], 0.1) is None


def test_where_the_twin_could_not_plan_nothing_changed() -> None:
    assert widest_open([seen((0, "a", None), (1, None, None))], [100.0], [], 0.1) is None


def test_a_query_without_times_passes_no_budget() -> None:
    assert first_passed(seen((0, "a", None), (1, "a", None)), 1.0) is None


def test_a_budget_is_passed_evenly_in_logarithms() -> None:
    before, after = seen((0, "a", 10.0), (2, "a", 1000.0))
    assert passed_at(before, after, 100.0) == pytest.approx(1.0)
    assert passed_at(before, after, 1000.0) == pytest.approx(2.0)


def test_a_change_names_what_is_gone_and_what_came() -> None:
    before = PlanNode(
        type="Limit", children=(PlanNode(type="Index Scan", relation="leads", index="leads_pkey"),)
    )
    after = PlanNode(type="Limit", children=(PlanNode(type="Seq Scan", relation="leads"),))
    assert change_between(before, after) == "Index Scan using leads_pkey on leads becomes Seq Scan on leads"
    assert change_between(after, after.children[0]) == "drops Limit"
    assert change_between(after.children[0], after) == "adds Limit"
