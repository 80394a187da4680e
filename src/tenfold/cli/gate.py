"""`tenfold gate`: fails when a plan gets worse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tenfold.cli.asked import (
    asking_as,
    notes_on,
    read,
    role_option,
    size_by_factor,
    size_by_scenario,
    tenant_option,
)
from tenfold.cli.options import coloured, config_option, deliver, output_option, progress, timeout_option
from tenfold.errors import UsageError

if TYPE_CHECKING:
    from tenfold.model.gate import Baseline, GateResult


@click.command("gate")
@click.argument("source", default="", required=False)
@click.option(
    "--baseline",
    "baseline_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of plans to compare with; it belongs in version control.",
)
@click.option(
    "--queries",
    type=click.Path(path_type=Path, dir_okay=False),
    help="SQL file, each query below a line `-- name: NAME`. Default: the configuration's workload file.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True, max=1e9),
    metavar="FACTOR",
    help="The data of today times this factor. Default: 100.",
)
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead: the last point of a scenario.",
)
@role_option
@tenant_option
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    default=20.0,
    show_default=True,
    help="By how much a cost may rise.",
)
@click.option(
    "--update", is_flag=True, help="Take the plans of now as the baseline, and say what changes by it."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to write.",
)
@output_option
@config_option
@timeout_option
def command(
    source: str,
    baseline_file: Path,
    queries: Path | None,
    scale: float | None,
    scenario_file: Path | None,
    role: str | None,
    tenant: str | None,
    tolerance: float,
    update: bool,
    form: Literal["text", "json"],
    output: Path | None,
    config_file: Path | None,
    timeout: float,
) -> int:
    """Fail when a change of schema or query makes a plan worse at the target size.

    Worse is a cost that rises by more than --tolerance, all of a large table read where an index found the
    rows, and a query that cannot be planned any more. Other changes are told. Exit code 0: nothing is worse;
    1: something is; 2: could not run, there is no baseline, or it is one of another size or role.
    """
    from tenfold.catalog.config_file import load_config
    from tenfold.catalog.file import write_whole
    from tenfold.explain.ask import ask_twin
    from tenfold.explain.baseline import VERSION, baseline_text, check_target, load_baseline
    from tenfold.explain.gate import compare, kept
    from tenfold.explain.questions import questions_of_file, questions_of_workload
    from tenfold.model.gate import Baseline, Target
    from tenfold.projection.scenario_file import load_scenario
    from tenfold.twin.twin import Twin

    if scenario_file is not None and scale is not None:
        raise UsageError("--scenario and --scale are two ways to grow; give one of them")
    loaded = load_config(config_file)
    scenario = load_scenario(scenario_file) if scenario_file is not None else None
    questions = questions_of_file(queries) if queries is not None else questions_of_workload(loaded.workload)
    before = load_baseline(baseline_file) if not update else _earlier(baseline_file)
    found = read(source, loaded, timeout)
    asking = asking_as(found, role, tenant)
    size = (
        size_by_scenario(found, scenario) if scenario is not None else size_by_factor(found, scale or 100.0)
    )
    target = Target(size=size.label, role=asking.role)
    if before is not None and not update:
        check_target(before, target, baseline_file)
    with progress("asking the twin") as advance, Twin(found.snapshot, advance) as twin:
        answers = ask_twin(twin.scale(), size, questions, found.tenancy, asking)
        notes = list(notes_on(found, twin, asking))
    plans = {question.name: kept(answer) for question, answer in zip(questions, answers, strict=True)}
    after = Baseline(version=VERSION, target=target, queries=plans)
    rows: dict[str, float] = {}
    for relation in size.snapshot.relations:  # plans name them without their schema
        rows[relation.name] = max(rows.get(relation.name, 0.0), size.snapshot.rows_of(relation.oid))
    result = compare(
        before or Baseline(version=VERSION, target=target, queries={}), after, rows, tolerance / 100, notes
    )
    deliver(_rendered(result, form, coloured=coloured(output)), output, "comparison")
    if update:
        write_whole(baseline_file, baseline_text(after).encode())
        click.echo(f"baseline written to {baseline_file}", err=True)
        return 0
    return int(result.failed)


def _earlier(file: Path) -> Baseline | None:
    """What is replaced, where it can be read: an update is also the way out of a damaged file."""
    from tenfold.errors import BaselineError
    from tenfold.explain.baseline import load_baseline

    try:
        return load_baseline(file)
    except BaselineError:
        return None


def _rendered(result: GateResult, form: str, *, coloured: bool) -> str:
    from tenfold.report.gate import render_gate, render_gate_json

    return render_gate_json(result) if form == "json" else render_gate(result, coloured=coloured)
