"""Plans of several sizes side by side, and verdicts below them."""

from __future__ import annotations

import json

import msgspec

from tenfold.model.explained import REAL, Answer, Explained, Explanation, Verdict, paired
from tenfold.model.query_plan import PlanNode, QueryPlan
from tenfold.report.explained import render_explained, render_explained_json

SCAN = PlanNode(
    type="Seq Scan", relation="leads", rows=40, total_cost=12_345.0, filter="(team_id = ?::bigint)"
)
BY_INDEX = PlanNode(type="Index Scan", relation="leads", index="by_team", rows=4, total_cost=8.44)
VERDICT = Verdict("sequential-scan", SCAN.label, (0,), "reads all 1,000,000 rows", "an index would find them")


def limit(below: PlanNode, **fields: float) -> QueryPlan:
    return QueryPlan(
        root=PlanNode(type="Limit", children=(below,), rows=below.rows, total_cost=below.total_cost, **fields)
    )


def rendered(*answers: Answer, measured: Answer | None = None) -> str:
    query = Explained(name="board", statement="SELECT 1", answers=answers, measured=measured)
    return render_explained(
        Explanation(database="app", server_version="18.6", role="web", queries=(query,), notes=("beware",))
    )


def test_sizes_with_one_plan_share_a_tree() -> None:
    text = rendered(
        Answer(size="1x", plan=limit(SCAN)),
        Answer(
            size="10x", plan=limit(msgspec.structs.replace(SCAN, total_cost=123_450.0)), verdicts=(VERDICT,)
        ),
    )
    (line,) = [line for line in text.splitlines() if "└ Seq Scan on leads" in line]
    assert line.split()[-5:] == ["k", "40", "123.5", "k", "40"]
    assert "another plan" not in text
    assert "! Seq Scan on leads (10x): reads all 1,000,000 rows" in text
    assert "-> an index would find them" in text
    assert "beware" in text


def test_another_plan_has_a_tree_of_its_own() -> None:
    text = rendered(Answer(size="1x", plan=limit(SCAN)), Answer(size="10x", plan=limit(BY_INDEX)))
    assert "another plan from 10x on, until then that of 1x" in text
    assert "└ Seq Scan on leads" in text
    assert "└ Index Scan using by_team on leads" in text


def test_real_figures_stand_beside_the_twins_though_a_node_is_passed_through() -> None:
    real = PlanNode(
        type="Limit", rows=40, total_cost=50.0, actual_rows=7.0, loops=1.0, actual_ms=1.5, blocks_hit=90,
        children=(PlanNode(type="Subquery Scan", children=(SCAN,)),),
    )  # fmt: skip
    text = rendered(
        Answer(size="1x", plan=limit(SCAN)), measured=Answer(size=REAL, plan=QueryPlan(root=real))
    )
    (line,) = [line for line in text.splitlines() if line.strip().startswith("Limit")]
    assert line.split()[-5:] == ["50", "40", "7", "1.50", "90"]
    assert text.count("Seq Scan on leads") == 1


def test_a_verdict_is_told_once_and_many_are_counted() -> None:
    answer = Answer(size="1x", plan=limit(SCAN), verdicts=(VERDICT,))
    assert rendered(answer, measured=msgspec.structs.replace(answer, size=REAL)).count("! Seq Scan") == 1
    many = tuple(msgspec.structs.replace(VERDICT, message=f"reads partition {n}") for n in range(40))
    text = rendered(msgspec.structs.replace(answer, verdicts=many))
    assert text.count("! Seq Scan") == 12
    assert "and 28 more" in text


def test_what_has_no_plan_says_why() -> None:
    text = rendered(Answer(size="1x", plan=limit(SCAN)), Answer(size="10x", why_not="no table leads"))
    assert "10x: no table leads" in text


def test_the_json_has_every_key() -> None:
    query = Explained(name="board", statement="SELECT 1", answers=(Answer(size="1x", plan=limit(SCAN)),))
    explanation = Explanation(database="app", server_version="18.6", role=None, queries=(query,))
    document = json.loads(render_explained_json(explanation))
    assert document["version"] == 1
    assert document["explanation"]["queries"][0]["answers"][0]["verdicts"] == []


def test_nodes_are_paired_by_what_they_do() -> None:
    passed = PlanNode(type="Result", children=(SCAN,))
    assert paired(passed, SCAN) == [(passed, None), (SCAN, SCAN)]
    assert paired(SCAN, passed) == [(SCAN, SCAN)]
    assert paired(SCAN, BY_INDEX) is None
