"""Which budget holds a query."""

from __future__ import annotations

import pytest

from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.snapshot import Snapshot
from tenfold.projection.query_kind import budget_of, query_kind
from tenfold.statements.reader import read_shape
from tenfold.statements.text import parse
from tests.unit.rules.build import DATABASE, SERVER


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT a FROM t WHERE b = $1 LIMIT 1", "read"),
        ("SELECT count(*) FROM t", "aggregation"),
        ("SELECT a, sum(b) FROM t GROUP BY a", "aggregation"),
        ("INSERT INTO t (a) VALUES ($1)", "write"),
        ("DELETE FROM t WHERE a = $1", "write"),
    ],
)
def test_a_statement_says_its_kind(text: str, kind: str) -> None:
    tree = parse(text)
    assert tree is not None
    assert query_kind(text, read_shape(tree, Snapshot(server=SERVER, database=DATABASE)), None) == kind


def test_a_statement_that_cannot_be_read_is_told_by_its_plan() -> None:
    scan = PlanNode(type="Seq Scan", relation="t")
    assert query_kind("SELECT ???", None, scan) == "read"
    assert query_kind("SELECT ???", None, PlanNode(type="Aggregate", children=(scan,))) == "aggregation"
    changing = PlanNode(type="CTE Scan", children=(PlanNode(type="ModifyTable", operation="Update"),))
    assert query_kind("WITH ???", None, changing) == "write"


def test_each_kind_has_its_budget() -> None:
    budgets = Budgets(read=1, write=2, aggregation=3, realtime=4)
    assert [budget_of(k, budgets) for k in ("read", "write", "aggregation", "realtime")] == [1, 2, 3, 4]
