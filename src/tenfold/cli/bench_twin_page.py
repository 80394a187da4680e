"""The page of `tenfold bench twin`: every figure beside its goal, every miss by name and with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from tenfold.bench.likeness import (
    INDEX_PAGES,
    MEDIAN_COST,
    SAME_SHAPES,
    TAIL_COST,
    TIMELY,
    TIMES,
    Lengths,
    Likeness,
    Pair,
    Spread,
    Timed,
    distance,
    timely,
)
from tenfold.bench.twin_speed import Built, Rate, Scaled

_MISSES = 6


class Page:
    """Writes to the console as results come."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str, *lines: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left", style="dim")
        self.say(*lines)

    def say(self, *lines: str) -> None:
        for line in lines:
            self.console.print(line, markup=False)

    def plans(self, results: Sequence[Likeness], itself: Likeness) -> None:
        """`itself`: the real server beside itself after another ANALYZE, all cases together."""
        table = _table("plans", "alike", "cost x", "median", "p95", "worst", "rows p95", "goals")
        for result in (*results, itself):
            table.add_row(
                result.case,
                f"{result.same}/{result.asked}",
                f"{result.cost.ratio:.3f}",
                _off(result.cost.median),
                _off(result.cost.tail),
                _off(result.cost.worst),
                _off(result.rows.tail),
                "" if result is itself else _verdict(result.reached),
            )
        self.console.print(table)
        asked = sum(result.asked for result in results)
        same = sum(result.same for result in results)
        self.say(
            f"All together: {same} of {asked} shapes the same, {same / asked:.1%}. Goals in each case:"
            f" {SAME_SHAPES:.0%}; costs within {MEDIAN_COST:.0%} in the middle, {TAIL_COST:.0%} at p95."
        )

    def misses(self, results: Iterable[Likeness]) -> None:
        """Of each query the case where it is farthest off."""
        worst: dict[str, Pair] = {}
        for result in results:
            for pair in result.missed:
                known = worst.get(pair.query)
                if known is None or distance(pair.cost_ratio) > distance(known.cost_ratio):
                    worst[pair.query] = pair
        if not worst:
            return
        table = _table("missed", "case", "cost x", "what differs", left=(1, 3))
        for pair in sorted(worst.values(), key=lambda pair: -distance(pair.cost_ratio)):
            table.add_row(pair.query, pair.case, f"{pair.cost_ratio:.2f}", pair.difference)
        self.console.print(table)

    def pages(self, results: Iterable[Lengths], whose: str = "") -> None:
        table = _table("pages", "count", "all x", "median", "p95", "goal", "farthest off", left=(6,))
        if whose:
            self.say(whose)
        for result in results:
            worst = result.worst
            table.add_row(
                result.method,
                str(result.count),
                f"{result.total:.3f}",
                _off(result.spread.median),
                _off(result.spread.tail),
                _verdict(result.reached) if result.method in INDEX_PAGES and result.count else "",
                f"{worst.name}: {worst.predicted:,} for {worst.real:,}" if worst else "",
            )
        self.console.print(table)

    def times(self, timed: Sequence[Timed]) -> None:
        if not timed:
            self.say("No statement's time could be predicted.")
            return
        spread = Spread.of(entry.ratio for entry in timed)
        share = timely(timed)
        self.say(
            f"Milliseconds of {len(timed)} statements, predicted / measured: {spread.ratio:.2f} in the"
            f" middle, {share:.0%} within {TIMES:g}x (goal {TIMELY:.0%}): {_verdict(share >= TIMELY)}"
        )
        off = sorted(timed, key=lambda entry: -distance(entry.ratio))
        late = [entry for entry in off if distance(entry.ratio) > TIMES - 1]
        for entry in late[:_MISSES]:
            self.say(f"  {entry.query} ({entry.case}): {entry.predicted:.2f} for {entry.measured:.2f} ms")
        if len(late) > _MISSES:
            self.say(f"  and {len(late) - _MISSES} more")

    def built(self, result: Built, goal: float) -> None:
        self.say(
            f"{result.tables:,} tables: twin in {result.total:.2f} s (goal {goal:g} s):"
            f" {_verdict(result.total < goal)}"
        )

    def rate(self, result: Rate) -> None:
        self.say(
            f"EXPLAIN: {result.public:,.0f} plans a second by the public call, {result.raw:,.0f} by the"
            f" driver alone: {result.share:.0%} (goal 80%): {_verdict(result.share >= 0.8)}"
        )

    def scaled(self, results: Sequence[Scaled]) -> None:
        table = _table("largest table", "arithmetic", "loading", "apparent", "on disk")
        for result in results:
            table.add_row(
                f"{result.rows:,.0f} rows",
                f"{result.growing:.3f} s",
                f"{result.loading:.3f} s",
                f"{result.apparent / 1e9:,.3f} GB",
                f"{result.stored / 1e6:,.1f} MB",
            )
        self.console.print(table)


def _table(*headings: str, left: Sequence[int] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        text = number == 0 or number in left
        table.add_column(
            heading,
            justify="left" if text else "right",
            no_wrap=not text,
        )
    return table


def _off(share: float) -> str:
    return f"{share:.1%}" if share < 1 else f"{share + 1:.1f}x"


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"
