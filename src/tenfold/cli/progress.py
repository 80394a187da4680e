"""Shows on a terminal what an apply does: a bar for each change that takes long, who is in its way."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn

from tenfold.migrate.observer import Blocker, Observer, PlainObserver
from tenfold.migrate.observer import Progress as Told
from tenfold.model.change import Change


class LiveObserver:
    """Finished changes scroll by, unless told not to; the one under way has a bar."""

    def __init__(self, console: Console, *, scrolling: bool = True) -> None:
        self._scrolling = scrolling
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[told]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, change: Change, position: int, count: int) -> None:
        self._clear()
        self._task = self._progress.add_task(
            f"[dim]{position}/{count}[/] {escape(change.title)}", total=None, told=""
        )

    def progress(self, change: Change, progress: Told) -> None:
        if self._task is not None:
            self._progress.update(
                self._task,
                total=progress.total,
                completed=progress.done,
                told=f"{progress.phase} ({progress.unit})",
            )

    def blocked(self, change: Change, blockers: tuple[Blocker, ...]) -> None:
        self._say(f"  [yellow]waits for[/] {escape('; '.join(map(str, blockers)))}")

    def retrying(self, change: Change, why: str, delay: float, failures: int, attempts: int) -> None:
        self._say(f"  [yellow]try {failures} of {attempts} failed[/]: {escape(why)}; again in {delay:.1f} s")

    def finished(self, change: Change, seconds: float) -> None:
        self._clear()
        if self._scrolling:
            self._say(f"[green]✓[/] {escape(change.title)} [dim]{seconds:.1f} s[/]")

    def skipped(self, change: Change, why: str) -> None:
        self._clear()
        if self._scrolling:
            self._say(f"[dim]- {escape(change.title)}: {escape(why)}[/]")

    def failed(self, change: Change, why: str) -> None:
        self._clear()
        self._say(f"[red]✗[/] {escape(change.title)}: {escape(why)}")
        if change.note is not None:
            self._say(f"  [dim]{escape(change.note)}[/]")

    def note(self, text: str) -> None:
        self._say(f"  [dim]{escape(text)}[/]")

    def _say(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, soft_wrap=True)

    def _clear(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def observing(console: Console) -> Generator[Observer]:
    """Bars on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield PlainObserver(lambda line: console.print(line, markup=False, soft_wrap=True))
        return
    with LiveObserver(console) as observer:
        yield observer
