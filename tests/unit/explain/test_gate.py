"""What a gate calls worse, what it only tells, and the file it compares with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.errors import BaselineError
from tenfold.explain.baseline import VERSION, baseline_text, check_target, load_baseline
from tenfold.explain.gate import compare, kept
from tenfold.model.explained import Answer
from tenfold.model.gate import Baseline, Compared, KeptPlan, Target
from tenfold.model.query_plan import PlanNode, QueryPlan

TARGET = Target(size="100x", role="app")
ROWS = {"leads": 1_000_000.0, "plans": 50.0}


def plan(type_: str, cost: float, relation: str = "leads", index: str | None = None) -> KeptPlan:
    node = PlanNode(type=type_, relation=relation, index=index, total_cost=cost)
    return kept(Answer(size="100x", plan=QueryPlan(root=node)))


def baseline(**queries: KeptPlan) -> Baseline:
    return Baseline(version=VERSION, target=TARGET, queries=queries)


def one(before: KeptPlan, after: KeptPlan, tolerance: float = 0.2) -> Compared:
    (found,) = compare(baseline(q=before), baseline(q=after), ROWS, tolerance).queries
    return found


BY_INDEX = plan("Index Scan", 100.0, index="by_team")
REFUSED = KeptPlan(not_plannable="no table leads")


@pytest.mark.parametrize(
    ("after", "change"),
    [
        (BY_INDEX, "same"),
        (plan("Index Scan", 119.0, index="by_team"), "same"),
        (plan("Index Scan", 121.0, index="by_team"), "worse"),
        (plan("Index Scan", 79.0, index="by_team"), "better"),
        (plan("Index Scan", 100.0, index="by_status"), "changed"),
        (plan("Seq Scan", 100.0), "worse"),
        (REFUSED, "worse"),
    ],
)
def test_a_change(after: KeptPlan, change: str) -> None:
    assert one(BY_INDEX, after).change == change


def test_both_reasons_are_told() -> None:
    assert one(BY_INDEX, plan("Seq Scan", 4_000.0)).reasons == (
        "cost 100.00 -> 4,000.00, 40.0 times as much",
        "an index found rows of leads, and now all 1,000,000 are read",
    )


def test_a_small_table_may_be_read_whole() -> None:
    before, after = plan("Index Scan", 8.0, "plans", "plans_pkey"), plan("Seq Scan", 8.0, "plans")
    assert one(before, after).change == "changed"


def test_the_tolerance_is_the_callers() -> None:
    risen = plan("Index Scan", 140.0, index="by_team")
    assert one(BY_INDEX, risen, 0.5).change == "same"
    assert one(BY_INDEX, risen, 0.3).change == "worse"


def test_what_could_not_be_planned_before_fails_nothing() -> None:
    assert one(REFUSED, REFUSED).change == "same"
    assert one(REFUSED, BY_INDEX).change == "better"


def test_queries_that_come_and_go_are_told_and_fail_nothing() -> None:
    result = compare(baseline(old=BY_INDEX), baseline(new=BY_INDEX), ROWS)
    assert [(query.name, query.change) for query in result.queries] == [("new", "new"), ("old", "gone")]
    assert not result.failed


# --- the file ---


def test_the_file_is_the_same_for_the_same_plans_in_any_order() -> None:
    one_way, other = baseline(a=BY_INDEX, b=REFUSED), baseline(b=REFUSED, a=BY_INDEX)
    assert baseline_text(one_way) == baseline_text(other)
    assert baseline_text(one_way).endswith("}\n")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "plans.json"
    file.write_text(baseline_text(baseline(a=BY_INDEX, b=REFUSED)))
    assert load_baseline(file) == baseline(a=BY_INDEX, b=REFUSED)


def test_no_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="make it with --update"):
        load_baseline(tmp_path / "plans.json")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 1, "target": {"size": "1x"}, "queries": {"a": 1}}',
        "\xff\xfe",
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "plans.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BaselineError, match=r"plans\.json is damaged") as caught:
        load_baseline(file)
    assert "\n" not in caught.value.message


def test_a_file_of_a_later_format_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plans.json"
    file.write_text(baseline_text(baseline()).replace('"version": 1', '"version": 2'))
    with pytest.raises(BaselineError, match="format 2, this release reads 1"):
        load_baseline(file)


def test_plans_of_another_size_or_role_are_not_compared() -> None:
    check_target(baseline(), TARGET, Path("plans.json"))
    with pytest.raises(BaselineError, match="at 100x, not 10x and as app, not superuser"):
        check_target(baseline(), Target(size="10x"), Path("plans.json"))
