"""The page of `tenfold bench runtime`: both sides of every comparison, and every goal met or missed."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from tenfold.bench.runtime.result import Line, Report, Section, Table, Verdict
from tenfold.report.terminal import WIDTH


class Page:
    """Writes sections as they come: to standard output, or, recorded, to a text."""

    def __init__(self, *, recorded: bool = False) -> None:
        from tenfold.cli.options import console_of_width

        self._file = io.StringIO()
        self._console = (
            Console(file=self._file, highlight=False, width=WIDTH) if recorded else console_of_width(WIDTH)
        )

    def section(self, section: Section) -> None:
        self._console.print()
        self._console.rule(f"[bold]{section.title}", align="left", style="dim")
        for line in section.remarks:
            self._console.print(line, markup=False)
        for table in section.tables:
            self._console.print()
            self._table(table)
        for line in section.left_out:
            self._console.print(f"Left out: {line}", markup=False)
        if section.verdicts:
            self._console.print()
            self._verdicts(section.verdicts)

    def closing(self, report: Report) -> None:
        self._console.print()
        self._console.rule("[bold]How it was measured", align="left", style="dim")
        how = (
            f"Medians of {report.rounds} rounds, and between which times the middle half of them lies. In a"
            f" round every contender of a table runs for {report.seconds:g} s, in an order that changes; a"
            " factor is the median of the rounds' factors."
        )
        if report.quick:
            how += " This was a quick run, whose figures mean nothing."
        self._console.print(how, markup=False)
        self._console.print(
            "; ".join(f"{name} {what}" for name, what in report.machine.items()), markup=False
        )
        self._console.print(
            ", ".join(f"{name} {what}" for name, what in report.versions.items()), markup=False
        )
        verdicts = [verdict for section in report.sections for verdict in section.verdicts]
        if verdicts:
            met = sum(verdict.met for verdict in verdicts)
            self._console.print(f"{met} of {len(verdicts)} goals met")

    def text(self) -> str:
        """What was recorded."""
        return self._file.getvalue()

    def _table(self, table: Table) -> None:
        grid = Grid(box=None, pad_edge=False, header_style="bold")
        grid.add_column(table.title)
        factor = "x" if table.against else ""
        for heading in ("median", "middle half", factor, table.note_heading):
            if heading or heading == factor:
                grid.add_column(heading, justify="right", no_wrap=True)
        for line in table.lines:
            cells = [line.name, told(line.median, table.unit), _half(line, table)]
            cells.append("" if line.times is None else f"{line.times:.2f}")
            grid.add_row(*cells, *([line.note] if table.note_heading else []))
        self._console.print(grid)
        if table.against:
            self._console.print(f"  x: times as long as {table.against}", markup=False, style="dim")

    def _verdicts(self, verdicts: Sequence[Verdict]) -> None:
        grid = Grid(box=None, pad_edge=False, header_style="bold")
        grid.add_column("goal")
        for heading in ("found", "at most"):
            grid.add_column(heading, justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
        for verdict in verdicts:
            word = "[green]met[/]" if verdict.met else "[bold red]missed[/]"
            found, limit = (spoken(number, verdict.unit) for number in (verdict.found, verdict.limit))
            grid.add_row(escape(verdict.goal), found, limit, word)
        self._console.print(grid)


def told(seconds: float, unit: str) -> str:
    """A time with three figures, or how many fit into a second."""
    if unit == "rate":
        return f"{1 / seconds:,.0f}/s"
    for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        # What rounds to 1,000 of the smaller unit is 1 of this one.
        if seconds >= 0.9995 * size:
            return f"{_figures(seconds / size)} {name}"
    return f"{_figures(seconds / 1e-9)} ns"


def _figures(number: float) -> str:
    return f"{number:,.0f}" if number >= 99.95 else f"{number:.3g}"


def spoken(number: float, unit: str) -> str:
    """What was found, or a limit: a time, or how many times as much."""
    # A number that rounds to 0 has no sign.
    return told(number, "time") if unit == "s" else f"{round(number, 2) + 0.0:.2f}x"


def _half(line: Line, table: Table) -> str:
    ends = (line.high, line.low) if table.unit == "rate" else (line.low, line.high)
    return " - ".join(told(end, table.unit) for end in ends)
