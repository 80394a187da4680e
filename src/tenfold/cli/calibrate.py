"""`tenfold calibrate`: what a unit of the planner's cost takes on a live server."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.options import check_is_live, deliver, dsn_argument, output_option

if TYPE_CHECKING:
    from tenfold.model.calibration import Calibration, CostSettings


@click.command("calibrate")
@dsn_argument
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.5, max=600),
    default=10.0,
    show_default=True,
    help="How long it may take at most.",
)
@output_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    help="Default: json where --output names a file, else text.",
)
def command(source: str, seconds: float, output: Path | None, form: str | None) -> None:
    """Measure what a page, a row, an index entry and an operator call take, so that cost becomes time.

    Reads the database's own tables under a time limit, one statement after the other, in one read-only
    session; only counts are computed and nothing is returned. The file that -o writes is what a forecast
    takes its times from.
    """
    from tenfold.pg.connect import connect
    from tenfold.projection.calibrate import advised_settings, calibrate
    from tenfold.projection.calibration_file import calibration_json

    check_is_live(source, "calibrate")
    with closing(connect(source)) as connection, _bar() as advance:
        calibration = calibrate(connection, seconds=seconds, progress=advance)
    if (form or ("json" if output else "text")) == "json":
        text = calibration_json(calibration)
    else:
        text = "\n".join(_page(calibration, advised_settings(calibration)))
    deliver(text, output, "calibration")


def _page(calibration: Calibration, advised: CostSettings) -> Iterator[str]:
    from tenfold.model.calibration import UNIT_SETTINGS, CostSettings
    from tenfold.model.wording import counted

    yield f"PostgreSQL {calibration.server_version}, {calibration.measured_at}"
    yield ""
    yield f"{'a unit of work':24}{'in memory':>14}{'fetched':>14}"
    for name, page in (
        ("page in order", calibration.sequential_page),
        ("page at random", calibration.random_page),
    ):
        fetched = "not seen" if page.uncached_ms is None else _time(page.uncached_ms)
        yield f"{name:24}{_time(page.cached_ms):>14}{fetched:>14}"
    for name, milliseconds in (
        ("row", calibration.tuple_ms),
        ("index entry", calibration.index_tuple_ms),
        ("operator call", calibration.operator_ms),
        ("statement", calibration.statement_ms),
    ):
        yield f"{name:24}{_time(milliseconds):>14}"
    yield ""
    yield f"{calibration.hit_ratio:.2%} of pages are found in memory, of which it holds {_size(calibration)}."
    yield (
        f"From {counted(calibration.measurements, 'measurement')}; predicted through measured time: "
        f"{calibration.median_ratio:.2f} in the middle, {calibration.worst_ratio:.2f} at the worst."
    )
    yield ""
    yield "The planner's prices in this proportion, beside its defaults:"
    for setting in UNIT_SETTINGS:
        yield f"  {setting:22}{getattr(CostSettings(), setting):>8g} -> {getattr(advised, setting):.2g}"
    if calibration.notes:
        yield ""
        yield from (f"Note: {note}." for note in calibration.notes)


def _time(milliseconds: float) -> str:
    if milliseconds >= 1:
        return f"{milliseconds:.2f} ms"
    return f"{milliseconds * 1e3:.2f} us" if milliseconds >= 1e-3 else f"{milliseconds * 1e6:.1f} ns"


def _size(calibration: Calibration) -> str:
    return f"{calibration.cache_bytes / 2**20:,.0f} MB"


@contextmanager
def _bar() -> Generator[Callable[[str, float], None]]:
    """A bar on standard error of the time that has gone; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _step, _share: None
        return
    columns = (TextColumn("calibrating"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda step, share: bar.update(task, description=step, completed=share)
