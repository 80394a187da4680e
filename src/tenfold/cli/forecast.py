"""`tenfold forecast`: what every query will do at the sizes to come, and which breaks first."""

from __future__ import annotations

import importlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tenfold.cli.asked import Factors, read, role_option, role_who_asks
from tenfold.cli.options import (
    check_is_live,
    coloured,
    config_option,
    deliver,
    output_option,
    progress,
    source_argument,
    timeout_option,
)
from tenfold.errors import UsageError

if TYPE_CHECKING:
    from tenfold.model.calibration import Calibration
    from tenfold.model.forecast import Forecast
    from tenfold.model.scenario import Scenario
    from tenfold.model.snapshot import Snapshot
    from tenfold.model.tenancy import Tenancy
    from tenfold.projection.course import Course

Form = Literal["text", "json", "html"]


@click.command("forecast")
@source_argument
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="How tenants and rows grow; make one: tenfold scenario init.",
)
@click.option(
    "--scale",
    type=Factors(),
    metavar="FACTORS",
    help="Instead: the data of today times these factors. Default: 10,100,1000.",
)
@click.option(
    "--queries",
    type=click.Path(path_type=Path, dir_okay=False),
    help="SQL file of queries, each below a line `-- name: NAME`. Default: the configuration's workload "
    "file, else what pg_stat_statements recorded.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many recorded queries, those with most total time first.",
)
@role_option
@click.option(
    "--calibration",
    "calibration_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measured times of the server, from tenfold calibrate.",
)
@click.option(
    "--calibrate",
    "calibrate_seconds",
    type=click.FloatRange(min=0.5, max=600),
    is_flag=False,
    flag_value=3.0,
    metavar="[SECONDS]",
    help="Measure the server first, within so many seconds (3 where none are given).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="What to write.",
)
@output_option
@config_option
@timeout_option
def command(
    source: str,
    scenario_file: Path | None,
    scale: tuple[float, ...] | None,
    queries: Path | None,
    top: int,
    role: str | None,
    calibration_file: Path | None,
    calibrate_seconds: float | None,
    form: Form,
    output: Path | None,
    config_file: Path | None,
    timeout: float,
) -> None:
    """Say what every query will do at the sizes to come, and which breaks first.

    Works on a private copy of the schema without a row (a twin), which is deleted afterwards. Queries are
    planned, never run. Tables and queries are shown as they are now, and at each point of the scenario or
    each factor.
    """
    from tenfold.catalog.config_file import load_config
    from tenfold.model.scenario import Budgets
    from tenfold.projection.calibration_file import load_calibration
    from tenfold.projection.forecast import forecast
    from tenfold.projection.scenario_file import load_scenario
    from tenfold.projection.workload import Block, from_blocks, from_statistics, read_blocks

    if scenario_file is not None and scale is not None:
        raise UsageError("--scenario and --scale are two ways to grow; give one of them")
    if calibration_file is not None and calibrate_seconds is not None:
        raise UsageError("--calibration has times that were measured, --calibrate measures them; give one")
    if calibrate_seconds is not None:
        check_is_live(source, "calibrate")
    # All files before anything is connected to: a fault in one is told at once.
    scenario = load_scenario(scenario_file) if scenario_file is not None else None
    loaded = load_config(config_file)
    blocks = read_blocks(queries) if queries is not None else None
    calibration = load_calibration(calibration_file) if calibration_file is not None else None
    known = read(source, loaded, timeout)
    snapshot, tenancy = known.snapshot, known.tenancy
    if calibrate_seconds is not None:
        calibration = _measured(source, calibrate_seconds)
    asks = role_who_asks(snapshot, tenancy, role)
    course = _course(snapshot, tenancy, scenario, scale)
    if blocks is not None:
        workload = from_blocks(blocks, snapshot, str(queries))
    elif loaded.workload:
        workload = from_blocks([Block(each) for each in loaded.workload], snapshot, "the workload file")
    else:
        workload = from_statistics(snapshot, top)
    with progress("forecasting") as advance:
        found = forecast(
            snapshot,
            tenancy,
            course,
            workload,
            role=asks,
            budgets=scenario.budgets if scenario is not None else Budgets(),
            calibration=calibration,
            progress=advance,
        )
    deliver(_rendered(found, form, coloured=coloured(output)), output, "forecast")


def _measured(source: str, seconds: float) -> Calibration:
    from tenfold.pg.connect import connect
    from tenfold.projection.calibrate import calibrate

    with closing(connect(source)) as connection, progress("measuring the server") as advance:
        return calibrate(connection, seconds=seconds, progress=lambda step, _share: advance(step))


def _course(
    snapshot: Snapshot, tenancy: Tenancy, scenario: Scenario | None, factors: tuple[float, ...] | None
) -> Course:
    from tenfold.projection.course import FACTORS, FactorCourse, ScenarioCourse

    if scenario is not None:
        return ScenarioCourse(snapshot, tenancy, scenario)
    return FactorCourse(snapshot, tenancy, factors or FACTORS)


def _rendered(found: Forecast, form: Form, *, coloured: bool) -> str:
    if form == "html":
        document: str = importlib.import_module("tenfold.report.forecast_html").render_forecast_html(found)
        return document
    from tenfold.report.forecast import render_forecast, render_forecast_json

    return render_forecast_json(found) if form == "json" else render_forecast(found, coloured=coloured)
