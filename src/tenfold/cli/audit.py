"""`tenfold audit`: what is wrong, and what will be."""

from __future__ import annotations

from pathlib import Path

import click

from tenfold.cli.options import (
    PRIORITIES,
    coloured,
    config_option,
    deliver,
    output_option,
    read_and_judge,
    source_argument,
    timeout_option,
)
from tenfold.model.finding import Priority
from tenfold.report import FORMATS, Format


@click.command("audit")
@source_argument
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to write."
)
@output_option
@click.option(
    "--fail-on",
    type=click.Choice(list(Priority), case_sensitive=False),
    metavar=PRIORITIES,
    default=Priority.P2,
    show_default=True,
    help="Exit with 1 where there is a finding of this priority or a more urgent one.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="An earlier report (--format json): only findings that are not in it are reported.",
)
@click.option("--only", multiple=True, metavar="RULE|GROUP", help="Only these rules; repeat, or use commas.")
@click.option("--ignore", multiple=True, metavar="RULE|GROUP", help="All rules but these.")
@config_option
@timeout_option
def command(
    source: str,
    form: Format,
    output: Path | None,
    fail_on: Priority,
    baseline: Path | None,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    config_file: Path | None,
    timeout: float,
) -> int:
    """Judge a database or a snapshot file.

    Exit code 0: nothing at or above --fail-on; 1: findings; 2: could not run.
    """
    from tenfold.report import render

    known = _baseline(baseline) if baseline is not None else frozenset()
    judged = read_and_judge(source, config_file, timeout, rules=only, ignore=ignore, baseline=known)
    deliver(render(form, judged.audit, judged.snapshot, coloured=coloured(output)), output, "report")
    if form != "text" or output is not None:
        counts = ", ".join(f"{judged.audit.count(priority)} {priority}" for priority in Priority)
        click.echo(f"{judged.audit.database}: {counts}", err=True)
    return int(any(finding.priority <= fail_on for finding in judged.audit.findings))


def _baseline(file: Path) -> frozenset[str]:
    from tenfold.report.json import read_keys

    return read_keys(file)
