"""What a gate found, for a terminal or a log, and as JSON: plans that changed as a tree of - and + lines."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from tenfold.model.gate import Change, Compared, GateResult, KeptPlan
from tenfold.model.wording import counted
from tenfold.report.outline import legible
from tenfold.report.plan_lines import plan_lines, short
from tenfold.report.terminal import to_text

VERSION: Final = 1

#: In the order of the page.
_STYLES: dict[Change, str] = {
    "worse": "bold red",
    "changed": "yellow",
    "better": "green",
    "new": "cyan",
    "gone": "cyan",
    "same": "dim",
}
_SIGNS = {"-": "red", "+": "green", " ": ""}


class Document(msgspec.Struct, frozen=True):
    """What `tenfold gate --format json` writes. Later releases may add properties, and remove none."""

    version: int
    failed: bool
    result: GateResult


def render_gate(result: GateResult, *, coloured: bool = False) -> str:
    """The page as lines; `coloured` adds terminal escape sequences."""
    return to_text(page(result), coloured=coloured)


def render_gate_json(result: GateResult) -> str:
    document = msgspec.json.encode(Document(VERSION, result.failed, result))
    return msgspec.json.format(document, indent=2).decode() + "\n"


def page(result: GateResult) -> RenderableType:
    role = f"as {result.target.role}" if result.target.role else "as a superuser"
    counts = {change: sum(query.change == change for query in result.queries) for change in _STYLES}
    told = ", ".join(f"{count:,} {change}" for change, count in counts.items() if count)
    head = (
        f"{counted(len(result.queries), 'query', 'queries')} at {result.target.size} {role}: {told or 'none'}"
    )
    parts: list[RenderableType] = [Text(legible(note), style="dim") for note in result.notes]
    for change in _STYLES:
        parts.extend(_query(query) for query in result.queries if query.change == change and _is_told(query))
    return Group(*parts, Text(head, style="bold"))


def _is_told(query: Compared) -> bool:
    return query.change != "same" or bool(query.reasons)


def _query(query: Compared) -> RenderableType:
    said = "; ".join(query.reasons) or _MEANINGS.get(query.change, "")
    head = Text.assemble((query.change, _STYLES[query.change]), f" {legible(query.name)}: {legible(said)}")
    if query.change in ("new", "gone", "same"):
        return head
    return Group(
        head, *(Text(f"  {sign} {line}", _SIGNS[sign]) for sign, line in _difference(query)), Text("")
    )


_MEANINGS: dict[Change, str] = {
    "new": "not in the baseline; take it in with --update",
    "gone": "in the baseline, and not asked any more",
}


def _difference(query: Compared) -> Iterator[tuple[str, str]]:
    """Lines of both trees, those that they share once."""
    before, after = list(_lines(query.before)), list(_lines(query.after))
    matcher = SequenceMatcher(None, [key for key, _ in before], [key for key, _ in after], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            yield from ((" ", text) for _, text in after[k:m])
        else:
            yield from (("-", text) for _, text in before[i:j])
            yield from (("+", text) for _, text in after[k:m])


def _lines(kept: KeptPlan | None) -> Iterator[tuple[str, str]]:
    """What a line is compared by, and how it reads."""
    if kept is None or kept.plan is None:
        return
    for line in plan_lines(kept.plan):
        figures = f"(cost {short(line.node.total_cost)}, rows {short(line.node.rows)})"
        yield line.text, f"{line.text}  {figures}"
        yield from ((line.below + said, line.below + said) for said in line.conditions)
