"""Which budget a query is held to. Pure."""

from __future__ import annotations

from tenfold.model.forecast import QueryKind
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.statements.shape import Shape
from tenfold.statements.text import kind_of


def query_kind(text: str, shape: Shape | None, plan: PlanNode | None) -> QueryKind:
    """A write by its first word or a changed table; an aggregation by its shape, else by its plan."""
    if kind_of(text) not in ("query", "utility") or (shape is not None and shape.kind != "select"):
        return "write"
    if plan is not None and any(node.type == "ModifyTable" for node in plan.walk()):
        return "write"
    if shape is not None:
        return "aggregation" if shape.one_row or shape.condensed else "read"
    nodes = [] if plan is None else [node.type for node in plan.walk()]
    return "aggregation" if any(node in ("Aggregate", "WindowAgg", "Group") for node in nodes) else "read"


def budget_of(kind: QueryKind, budgets: Budgets) -> float:
    """Milliseconds."""
    return float(getattr(budgets, kind))
