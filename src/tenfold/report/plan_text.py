"""A plan as text that may leave the house: its tree with costs and rows, without a value of any row.

The conditions of a plan hold the values that it was planned with, which were drawn from the statistics of the
source. They are written as `?`.
"""

from __future__ import annotations

from tenfold.model.query_plan import PlanNode
from tenfold.report.forecast_words import cost_words, rows_words
from tenfold.report.plan_lines import plan_lines
from tenfold.statements.values import without_constants


def plan_text(root: PlanNode) -> str:
    """One line a node, with cost and rows; its conditions below it."""
    lines = []
    for line in plan_lines(root):
        lines.append(
            f"{line.text}  (cost {cost_words(line.node.total_cost)}, rows {rows_words(line.node.rows)})"
        )
        lines += [f"{line.below}    {without_constants(each)}" for each in line.conditions]
    return "\n".join(lines)
