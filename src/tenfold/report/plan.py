"""A plan for a terminal: what, under which lock, for how long by estimate. Fits 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tenfold.model.change import Change, Phase, Plan
from tenfold.model.wording import counted
from tenfold.report.terminal import COLOURS, to_text


def render_plan(plan: Plan, *, coloured: bool = False) -> str:
    return to_text(plan_page(plan), coloured=coloured)


def plan_page(plan: Plan) -> RenderableType:
    """All changes by phase, in the order in which they would be carried out."""
    parts: list[RenderableType] = [
        Text.assemble(("Plan for ", ""), (plan.database, "bold"), f": {counted(len(plan.changes), 'change')}")
    ]
    for phase in Phase:
        changes = [change for change in plan.changes if change.phase is phase]
        if changes:
            parts.append(
                Text.assemble(
                    ("\n" + phase.value, "bold"), f": {counted(len(changes), 'change')}{_warning(phase)}"
                )
            )
            parts.append(changes_table(changes))
    if plan.skipped:
        are = "is" if len(plan.skipped) == 1 else "are"
        parts.append(Text(f"\n{counted(len(plan.skipped), 'wish', 'wishes')} {are} left out:", style="bold"))
        parts.extend(Text(f"  {skipped.what}: {skipped.why}", style="dim") for skipped in plan.skipped[:10])
        if len(plan.skipped) > 10:
            parts.append(Text(f"  and {len(plan.skipped) - 10} more (--format json has all)", style="dim"))
    if plan.changes:
        parts.append(
            Text(
                "\nTimes are estimates from sizes. See what would run: tenfold apply DSN --dry-run",
                style="dim",
            )
        )
    return Group(*parts)


def changes_table(changes: Sequence[Change]) -> Table:
    """One line a change: urgency, what, its lock, how long that is held, how long it takes."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("", width=2)
    table.add_column("change", width=52, overflow="fold")
    table.add_column("lock", width=22)
    table.add_column("held", justify="right", width=7)
    table.add_column("takes", justify="right", width=7)
    for change in changes:
        table.add_row(
            Text(change.priority.value, style=COLOURS[change.priority]),
            Text(change.title),
            Text(change.lock.value.lower() if change.lock.value != "none" else "none"),
            Text(_seconds(change.estimate.lock_seconds)),
            Text(_seconds(change.estimate.seconds)),
        )
    return table


def _warning(phase: Phase) -> str:
    return ", applied only when named: --phase isolation" if phase is Phase.ISOLATION else ""


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return "< 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
