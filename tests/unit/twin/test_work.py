"""A cost is taken apart into its counts, and where that cannot be done nothing is claimed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tenfold.model.calibration import UNIT_SETTINGS, CostSettings, Work
from tenfold.model.query_plan import PlanNode, QueryPlan
from tenfold.twin.work import decompose

SCAN = Work(1800.0, 3.5, 39_600.0, 12.0, 79_200.0)


def cost(work: Work, settings: Mapping[str, str]) -> float:
    counts = (getattr(work, field) for field in work.__struct_fields__)
    return sum(count * float(settings[name]) for count, name in zip(counts, UNIT_SETTINGS, strict=True))


def planned(total: float, type: str = "Seq Scan", children: tuple[PlanNode, ...] = ()) -> QueryPlan:
    # As EXPLAIN writes it: to the hundredth.
    return QueryPlan(root=PlanNode(type=type, total_cost=round(total, 2), children=children))


def close(work: Work) -> object:
    return pytest.approx([getattr(work, field) for field in work.__struct_fields__], rel=1e-4, abs=1e-3)


def counts(work: Work | None) -> list[float]:
    assert work is not None
    return [getattr(work, field) for field in work.__struct_fields__]


@pytest.mark.parametrize(
    "prices",
    [
        CostSettings(),
        CostSettings(random_page_cost=1.1, cpu_tuple_cost=0.03),
        CostSettings(seq_page_cost=0.0, cpu_operator_cost=0.0),
    ],
)
@pytest.mark.parametrize("work", [SCAN, Work(0, 2, 1, 1, 114), Work(3e8, 1e6, 4e9, 7e7, 8e9)])
def test_the_counts_come_back(work: Work, prices: CostSettings) -> None:
    assert counts(decompose(lambda settings: planned(cost(work, settings)), prices)) == close(work)


def test_a_plan_on_the_edge_is_nudged_less() -> None:
    def explain(settings: Mapping[str, str]) -> QueryPlan:
        ratio = float(settings["random_page_cost"]) / float(settings["seq_page_cost"])
        return planned(cost(SCAN, settings)) if ratio <= 4.0005 else planned(1.0, "Index Scan")

    assert counts(decompose(explain, CostSettings())) == close(SCAN)


def test_nothing_is_said_of_a_plan_that_does_not_hold_still() -> None:
    def explain(settings: Mapping[str, str]) -> QueryPlan:
        dearer = float(settings["random_page_cost"]) / float(settings["seq_page_cost"]) > 4
        return planned(cost(SCAN, settings), "Index Scan" if dearer else "Seq Scan")

    assert decompose(explain, CostSettings()) is None


def test_nothing_is_said_of_a_cost_that_the_prices_do_not_make() -> None:
    assert decompose(lambda settings: planned(cost(SCAN, settings) + 30.0), CostSettings()) is None


def test_what_workers_cost_to_start_is_in_no_count() -> None:
    def explain(settings: Mapping[str, str]) -> QueryPlan:
        total = cost(SCAN, settings) + float(settings["parallel_setup_cost"])
        return planned(total, "Gather", (PlanNode(type="Seq Scan"),))

    assert counts(decompose(explain, CostSettings())) == close(SCAN)
