"""`tenfold scenario`: how the tenants and their rows grow, written down and checked."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.options import (
    config_option,
    deliver,
    output_option,
    progress,
    source_argument,
    timeout_option,
)
from tenfold.errors import EmptyDatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenfold.model.scenario import Point, Scenario
    from tenfold.model.snapshot import Snapshot
    from tenfold.model.tenancy import Tenancy


@click.group("scenario", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Write down how the tenants and their rows grow, and see what that comes to.

    A forecast reads the file: how many tenants there are and will be, rows of a table for each tenant or each
    row of another, what arrives a month, and how long it stays.
    """


@command.command("init")
@source_argument
@output_option
@config_option
@timeout_option
def init(source: str, output: Path | None, config_file: Path | None, timeout: float) -> None:
    """Write a scenario from what a database or snapshot file shows.

    Month 0 has today's rows; rates are those of the latest rows, or of the activity counters. What nothing
    shows is assumed and marked as such, for you to correct.
    """
    from tenfold.projection.scenario_file import scenario_text
    from tenfold.projection.scenario_init import draft_scenario

    snapshot, tenancy = _read(source, config_file, timeout)
    deliver(scenario_text(draft_scenario(snapshot, tenancy)), output, "scenario")


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@source_argument
@config_option
@timeout_option
def check(file: Path, source: str, config_file: Path | None, timeout: float) -> None:
    """Hold a scenario against a database or snapshot file, and show the rows that it comes to."""
    from tenfold.model.wording import counted
    from tenfold.projection.scenario import resolve
    from tenfold.projection.scenario_file import faults_of, load_scenario

    scenario = load_scenario(file)  # before anything is connected to: a misspelt file is told at once
    snapshot, tenancy = _read(source, config_file, timeout)
    today = datetime.datetime.fromisoformat(snapshot.server.now).date()
    with faults_of(file):
        points = resolve(scenario, snapshot, tenancy, today)
    _print_rows(scenario, points, snapshot)
    click.echo(
        f"{file}: {counted(len(scenario.tables), 'table')} of {snapshot.database.name} named, "
        f"{counted(len(points[0].assumptions), 'assumption')}",
        err=True,
    )


def _read(source: str, config_file: Path | None, timeout: float) -> tuple[Snapshot, Tenancy]:
    from tenfold.catalog.config_file import load_config
    from tenfold.catalog.source import load_source
    from tenfold.tenancy.detect import find_tenancy

    config = load_config(config_file).config
    with progress("reading the catalog") as advance:
        snapshot = load_source(source, progress=advance, timeout=timeout)
    if not snapshot.relations:
        raise EmptyDatabaseError(
            f"database {snapshot.database.name} has no tables to grow; name the one that you mean in the DSN"
        )
    return snapshot, find_tenancy(snapshot, config.tenancy, exclude_schemas=config.exclude_schemas)


def _print_rows(scenario: Scenario, points: Sequence[Point], snapshot: Snapshot) -> None:
    """Tenants and the tables that the scenario names, the largest at the end first."""
    from rich.table import Table

    from tenfold.cli.options import console_of_width
    from tenfold.report.terminal import WIDTH

    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    shown.add_column("rows", overflow="fold")
    for point in points:
        shown.add_column(f"{point.date:%Y-%m-%d}", justify="right", no_wrap=True)
    shown.add_column("a month", justify="right", no_wrap=True)
    shown.add_row("tenants", *(f"{round(point.tenants):,}" for point in points), "")
    for oid in _named(scenario, points, snapshot):
        rows = (_short(point.growth.rows[oid]) for point in points)
        monthly = "transient" if oid in points[0].growth.retained else f"+{_short(points[0].monthly[oid])}"
        shown.add_row(snapshot.relation_by_oid[oid].display, *rows, monthly)
    console_of_width(WIDTH).print(shown)


def _named(scenario: Scenario, points: Sequence[Point], snapshot: Snapshot) -> list[int]:
    def is_named(oid: int) -> bool:
        relation = snapshot.relation_by_oid[oid]
        return relation.name in scenario.tables or f"{relation.schema}.{relation.name}" in scenario.tables

    return sorted(filter(is_named, points[-1].growth.rows), key=lambda oid: -points[-1].growth.rows[oid])


def _short(rows: float) -> str:
    """`5,000,000` as it is; what is longer in millions."""
    return f"{rows:,.0f}" if rows < 10_000_000 else f"{rows / 1e6:,.1f} M"
