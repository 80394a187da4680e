"""`tenfold plan`: what would put the findings right, in which order, under which locks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.options import (
    coloured,
    config_option,
    deliver,
    output_option,
    priority_option,
    read_and_judge,
    source_argument,
    timeout_option,
)
from tenfold.errors import UsageError
from tenfold.model.change import Phase
from tenfold.model.finding import Priority

if TYPE_CHECKING:
    from tenfold.cli.options import Judged
    from tenfold.model.change import Plan

FORMATS = ("text", "sql", "alembic", "json")

phase_option = click.option(
    "--phase",
    "phases",
    type=click.Choice(list(Phase), case_sensitive=False),
    multiple=True,
    help="Only changes of this phase; repeat for several.",
)

object_option = click.option(
    "--object",
    "objects",
    metavar="NAME",
    multiple=True,
    help="Only changes of this table or role; repeat for several.",
)


@click.command("plan")
@source_argument
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="What to write."
)
@output_option
@priority_option
@phase_option
@object_option
@click.option("--down-revision", metavar="REVISION", help="With alembic: the revision to come after.")
@config_option
@timeout_option
def command(
    source: str,
    form: str,
    output: Path | None,
    only: Priority | None,
    phases: tuple[Phase, ...],
    objects: tuple[str, ...],
    down_revision: str | None,
    config_file: Path | None,
    timeout: float,
) -> None:
    """Turn the findings into an ordered plan of reversible changes. Nothing is changed by this.

    text is for reading; sql is a psql script; alembic is a revision file, without row-level security unless
    it is named (--phase isolation); json is for `tenfold apply --plan`.
    """
    if form == "alembic" and not phases:  # a revision runs as a whole
        phases = tuple(phase for phase in Phase if phase is not Phase.ISOLATION)
    whole = plan_of(read_and_judge(source, config_file, timeout))
    made = chosen(whole, only, phases, objects)
    isolating = _isolating(chosen(whole, only, (), objects)) - _isolating(made)
    deliver(_written(form, made, down_revision, isolating, output), output, "plan")


def _isolating(made: Plan) -> int:
    return sum(change.phase is Phase.ISOLATION for change in made.changes)


def plan_of(judged: Judged) -> Plan:
    from tenfold.migrate.plan import plan

    return plan(judged.snapshot, judged.audit, judged.loaded.config)


def chosen(made: Plan, only: Priority | None, phases: tuple[Phase, ...], objects: tuple[str, ...]) -> Plan:
    """The plan without what was not asked for."""
    from tenfold.migrate.select import select

    unknown = [name for name in objects if name not in {change.object for change in made.changes}]
    if unknown:
        raise UsageError(f"the plan has no change of {unknown[0]!r}; names are as `tenfold plan` shows them")
    return select(made, priority=only, phases=phases, objects=objects)


def _written(
    form: str, made: Plan, down_revision: str | None, isolation_left_out: int, output: Path | None
) -> str:
    match form:
        case "sql":
            from tenfold.migrate.write_sql import write_sql

            return write_sql(made)
        case "alembic":
            from tenfold.migrate.write_alembic import write_alembic

            return write_alembic(made, down_revision=down_revision, isolation_left_out=isolation_left_out)
        case "json":
            from tenfold.migrate.write_json import write_json

            return write_json(made)
        case _:
            from tenfold.report.plan import render_plan

            return render_plan(made, coloured=coloured(output))
