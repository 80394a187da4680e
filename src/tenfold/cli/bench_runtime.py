"""`tenfold bench runtime`: what the runtime costs, beside what a user would pick instead."""

from __future__ import annotations

from pathlib import Path

import click

from tenfold.cli.options import deliver, output_option
from tenfold.errors import UsageError

#: Rounds of each contender, and the seconds that it has in one of them.
_ROUNDS, _SECONDS = 31, 0.05
_QUICK_ROUNDS, _QUICK_SECONDS = 3, 0.002


@click.command("runtime")
@click.option(
    "--only",
    metavar="SUBJECT,...",
    help="Only these: transaction, policy, cache, redis, paging, loader, guard, middleware. Default: all.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Rounds that every contender has. Default: {_ROUNDS}; with --quick {_QUICK_ROUNDS}.",
)
@click.option("--quick", is_flag=True, help="Few rows and short rounds: shows that it runs, not how fast.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Tables as they are found, or one JSON document at the end.",
)
@output_option
def command(only: str | None, repeat: int | None, quick: bool, format_: str, output: Path | None) -> None:
    """The runtime beside what a user would pick instead: same run, same machine, turn and turn about.

    Transactions beside drivers by hand, SQLAlchemy and Django; the cache beside a dict and cache libraries;
    pages beside OFFSET and sqlakeyset; loaders beside aiodataloader; what policies, guard and middlewares
    cost.
    The competitors are installed by `pip install 'tenfold[bench]'`; the servers are started and ended here.
    """
    from tenfold.bench.runtime.missing import missing

    if absent := missing("asyncpg"):
        raise UsageError(f"the bench of the runtime needs its driver: {absent}")

    from tenfold.bench.runtime.run import SUBJECTS, encoded, run
    from tenfold.bench.runtime.timing import Effort
    from tenfold.cli.bench_runtime_page import Page
    from tenfold.cli.options import progress

    chosen = _subjects(only, list(SUBJECTS))
    # Known before the minutes that it takes, not after them.
    if output is not None and not output.resolve().parent.is_dir():
        raise UsageError(f"{output} cannot be written: there is no such folder")
    effort = Effort(
        rounds=repeat or (_QUICK_ROUNDS if quick else _ROUNDS), seconds=_QUICK_SECONDS if quick else _SECONDS
    )
    page = None if format_ == "json" else Page(recorded=output is not None)
    with progress("bench") as told:
        report = run(chosen, effort, quick=quick, told=told, found=page.section if page else _unheard)
    if page is None:
        deliver(encoded(report).decode(), output, "the report")
        return
    page.closing(report)
    if output is not None:
        deliver(page.text(), output, "the report")


def _subjects(only: str | None, known: list[str]) -> list[str]:
    """In their own order, whatever the order they were named in."""
    if only is None:
        return known
    asked = [name.strip() for name in only.split(",") if name.strip()]
    strange = [name for name in asked if name not in known]
    if strange or not asked:
        raise UsageError(f"--only takes {', '.join(known)}, with commas; not {(strange or [only])[0]!r}")
    return [name for name in known if name in asked]


def _unheard(_: object) -> None:
    """The sections are told at the end, all together."""
