"""What a gate prints."""

from __future__ import annotations

import json

from tenfold.model.gate import Compared, GateResult, KeptPlan, Target
from tenfold.model.query_plan import PlanNode
from tenfold.report.gate import render_gate, render_gate_json

BELOW = PlanNode(
    type="Index Scan", relation="leads", index="by_team", rows=4, total_cost=8.44, index_condition="(a = ?)"
)
BEFORE = KeptPlan(cost=9.0, plan=PlanNode(type="Limit", total_cost=9.0, children=(BELOW,)))
AFTER = KeptPlan(
    cost=9_000.0,
    plan=PlanNode(
        type="Limit",
        total_cost=9_000.0,
        children=(PlanNode(type="Seq Scan", relation="leads", rows=4, filter="(a = ?)"),),
    ),
)
RESULT = GateResult(
    target=Target(size="100x", role="web"),
    queries=(
        Compared(name="board", change="worse", reasons=("cost up",), before=BEFORE, after=AFTER),
        Compared(name="fine", change="same", before=BEFORE, after=BEFORE),
        Compared(name="fresh", change="new", after=AFTER),
    ),
)


def test_the_difference_is_a_tree() -> None:
    assert render_gate(RESULT).splitlines() == [
        "worse board: cost up",
        "    Limit  (cost 9,000, rows 0)",
        "  - └ Index Scan using by_team on leads  (cost 8.44, rows 4)",
        "  -     Index Cond: (a = ?)",
        "  + └ Seq Scan on leads  (cost 0, rows 4)",
        "  +     Filter: (a = ?)",
        "",
        "new fresh: not in the baseline; take it in with --update",
        "3 queries at 100x as web: 1 worse, 1 new, 1 same",
    ]


def test_the_json_says_whether_it_failed() -> None:
    document = json.loads(render_gate_json(RESULT))
    assert document["failed"] is True
    assert document["version"] == 1
    assert [query["change"] for query in document["result"]["queries"]] == ["worse", "same", "new"]
