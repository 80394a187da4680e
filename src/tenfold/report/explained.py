"""Plans and verdicts for a terminal, and as JSON. Fits 100 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.explained import REAL, Answer, Explained, Explanation, Verdict, paired
from tenfold.model.query_plan import PlanNode
from tenfold.report.outline import legible
from tenfold.report.plan_lines import named, plan_lines, short
from tenfold.report.terminal import to_text

VERSION: Final = 1

#: Plans side by side that have room for rows beside costs.
_ROOMY = 3

#: Verdicts of one plan that are told: a plan of a hundred partitions may have a hundred.
_SHOWN = 12

Figure = tuple[str, Callable[[PlanNode], str]]

_COST: Figure = ("cost", lambda node: short(node.total_cost))
_ROWS: Figure = ("rows", lambda node: short(node.rows))
_COUNTED: tuple[Figure, ...] = (
    ("counted", lambda node: _per_loop(node)),
    ("ms", lambda node: "" if node.actual_ms is None else f"{node.actual_ms * (node.loops or 1):,.2f}"),
    ("blocks", lambda node: short((node.blocks_hit or 0) + (node.blocks_read or 0))),
)


class Document(msgspec.Struct, frozen=True):
    """What `tenfold explain --format json` writes. Later releases may add properties, and remove none."""

    version: int
    explanation: Explanation


def render_explained(explanation: Explanation, *, coloured: bool = False) -> str:
    """The page as lines; `coloured` adds terminal escape sequences."""
    return to_text(page(explanation), coloured=coloured)


def render_explained_json(explanation: Explanation) -> str:
    document = msgspec.json.encode(Document(VERSION, explanation))
    return msgspec.json.format(document, indent=2).decode() + "\n"


def page(explanation: Explanation) -> RenderableType:
    role = f"as {explanation.role}" if explanation.role else "as a superuser"
    head = Text.assemble(
        (legible(explanation.database), "bold"), f" on PostgreSQL {explanation.server_version}, asked {role}"
    )
    notes = [Text(legible(note), style="dim") for note in explanation.notes]
    return Group(head, *notes, *(_query(query) for query in explanation.queries))


def _query(query: Explained) -> RenderableType:
    parts: list[RenderableType] = [Text(f"\n{legible(query.name)}", style="bold")]
    for before, after in query.changes:
        parts.append(
            Text(f"another plan from {after.size} on, until then that of {before.size}", style="yellow")
        )
    answers = [*query.answers, *([query.measured] if query.measured is not None else [])]
    if not query.answers or query.answers[0].generic:
        parts.append(Text("generic plan: planned for no values in particular", style="dim"))
    for panel in _panels(answers):
        parts.extend(_panel(panel))
    for answer in answers:
        if answer.plan is None:
            parts.append(Text(f"{answer.size}: {legible(answer.why_not or 'no plan')}", style="yellow"))
    return Group(*parts)


def _panels(answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    """Answers that share one tree, what was measured beside today's size."""
    panels: list[list[Answer]] = []
    for answer in answers:
        if answer.plan is None:
            continue
        alike = next((panel for panel in panels if _alike(panel[0], answer)), None)
        if alike is None:
            panels.append([answer])
        else:
            alike.append(answer)
    return iter(panels)


def _alike(one: Answer, other: Answer) -> bool:
    return (
        one.plan is not None and other.plan is not None and paired(one.plan.root, other.plan.root) is not None
    )


def _panel(panel: Sequence[Answer]) -> Iterator[RenderableType]:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("plan", ratio=1, overflow="fold")
    columns: list[tuple[Callable[[PlanNode], str], dict[int, PlanNode | None]]] = []
    first = panel[0].plan
    assert first is not None
    for answer in panel:
        assert answer.plan is not None
        # `paired` is asked from both sides: a node that is passed through may be missing from either.
        pairs = paired(first.root, answer.plan.root) or []
        likes = {id(one): like for one, like in pairs}
        for title, figure in _figures(answer, len(panel)):
            table.add_column(f"{answer.size}\n{title}", justify="right", no_wrap=True)
            columns.append((figure, likes))
    for line in plan_lines(first.root):
        figures = [
            figure(like) if (like := likes.get(id(line.node))) is not None else ""
            for figure, likes in columns
        ]
        table.add_row(_behind(line.branch, named(line.node), style=""), *figures)
        for condition in line.conditions:
            table.add_row(_behind(line.below, condition), *("" for _ in columns))
    yield Padding(table, (0, 0, 0, 2))
    yield from _verdicts(panel)


def _verdicts(panel: Sequence[Answer]) -> Iterator[RenderableType]:
    """Each once: what has no figures is the same where it was run."""
    told: dict[tuple[str, str], tuple[Verdict, str]] = {}
    for answer in _judged(panel):
        for verdict in answer.verdicts:
            told.setdefault((verdict.node, verdict.message), (verdict, answer.size))
    for verdict, size in list(told.values())[:_SHOWN]:
        yield _verdict(verdict, size)
    if len(told) > _SHOWN:
        yield Text(
            f"  and {len(told) - _SHOWN:,} more, as of other partitions: see --format json", style="dim"
        )


def _behind(branch: str, text: str, style: str = "dim") -> RenderableType:
    """The text with its lines below each other, however many they are."""
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=len(branch))
    grid.add_column(ratio=1, overflow="fold", style=style)
    grid.add_row(branch, Text(legible(text)))
    return grid if branch else Text(legible(text), style=style)


def _judged(panel: Sequence[Answer]) -> Iterator[Answer]:
    """The largest size of the twin's, and what was measured."""
    planned = [answer for answer in panel if answer.size != REAL]
    yield from planned[-1:]
    yield from (answer for answer in panel if answer.size == REAL)


def _figures(answer: Answer, beside: int) -> tuple[Figure, ...]:
    if answer.size == REAL:
        return (_COST, _ROWS, *_COUNTED) if beside < _ROOMY else (_COST, *_COUNTED)
    return (_COST, _ROWS) if beside <= _ROOMY else (_COST,)


def _verdict(verdict: Verdict, size: str) -> RenderableType:
    table = Table.grid()
    table.add_column(width=2)
    table.add_column(ratio=1, overflow="fold")
    head = Text.assemble((legible(verdict.node), "bold"), f" ({size}): {legible(verdict.message)}")
    table.add_row(Text("! ", style="yellow"), head)
    table.add_row("", Text(f"-> {legible(verdict.remedy)}", style="cyan"))
    return Padding(table, (0, 0, 0, 2))


def _per_loop(node: PlanNode) -> str:
    return short((node.actual_rows or 0.0) * (node.loops or 1.0)) if node.actual_rows is not None else ""
