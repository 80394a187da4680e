"""A plan as lines for people: each node behind its branch, its conditions below it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tenfold.model.query_plan import PlanNode

_CONDITIONS = (
    ("Index Cond", "index_condition"),
    ("Recheck Cond", "recheck_condition"),
    ("Hash Cond", "hash_condition"),
    ("Merge Cond", "merge_condition"),
    ("Join Filter", "join_filter"),
    ("Filter", "filter"),
    ("One-Time Filter", "one_time_filter"),
)
_KEYS = (("Sort Key", "sort_key"), ("Group Key", "group_key"))


class PlanLine(msgspec.Struct, frozen=True):
    """One node: the branches in front of it, and in front of what is said below it."""

    node: PlanNode
    branch: str
    below: str
    conditions: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.branch + named(self.node)


def plan_lines(node: PlanNode, branch: str = "", below: str = "") -> Iterator[PlanLine]:
    """The nodes, parents first."""
    trunk = "│ " if node.children else "  "
    yield PlanLine(node, branch, below + trunk, tuple(said(node)))
    for number, child in enumerate(node.children, start=1):
        last = number == len(node.children)
        yield from plan_lines(child, below + ("└ " if last else "├ "), below + ("  " if last else "│ "))


def said(node: PlanNode) -> Iterator[str]:
    """`Filter: (status = 'new')` and its like."""
    for title, name in _CONDITIONS:
        # A recheck is the index condition again.
        if (text := getattr(node, name)) is not None and not (name == "recheck_condition" and node.children):
            yield f"{title}: {text}"
    for title, name in _KEYS:
        if keys := getattr(node, name):
            yield f"{title}: {', '.join(keys)}"


def named(node: PlanNode) -> str:
    """The label, with the sub-select that it is."""
    return f"{node.label} ({node.subplan})" if node.subplan else node.label


def short(figure: float | None) -> str:
    """`8.44`, `1,234`, `12.3 k`, `1.2 M`: at most seven characters."""
    if figure is None:
        return ""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if figure >= size:
            scaled = figure / (1e3 if unit == "k" else size)
            return f"{scaled:,.1f} {unit}"
    return f"{figure:,.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.2f}"
