"""`tenfold apply`: the only command, with `undo`, that writes to a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.options import (
    agreed,
    check_is_live,
    config_option,
    console_of_width,
    dsn_argument,
    priority_option,
    read_and_judge,
    timeout_option,
)
from tenfold.cli.plan import chosen, object_option, phase_option, plan_of
from tenfold.model.change import Phase
from tenfold.model.finding import Priority

if TYPE_CHECKING:
    from rich.console import Console

    from tenfold.cli.options import Judged
    from tenfold.migrate.run import Run
    from tenfold.model.change import Change, Plan

journal_option = click.option(
    "--journal",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the record that undo works from. Default: in the user's state directory.",
)
lock_timeout_option = click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1, max=60),
    default=2.0,
    show_default=True,
    help="Seconds that anybody may wait for a brief change of ours before it gives way.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


@click.command("apply")
@dsn_argument
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A plan saved with: tenfold plan DSN --format json -o FILE. Default: made now.",
)
@dry_run_option
@yes_option
@priority_option
@phase_option
@object_option
@journal_option
@lock_timeout_option
@config_option
@timeout_option
def command(
    source: str,
    plan_file: Path | None,
    dry_run: bool,
    yes: bool,
    only: Priority | None,
    phases: tuple[Phase, ...],
    objects: tuple[str, ...],
    journal: Path | None,
    lock_timeout: float,
    config_file: Path | None,
    timeout: float,
) -> int:
    """Carry a plan out on the live database.

    Readers and writers go on: long builds are concurrent, brief locks are given up after two seconds and
    tried again. Killed at any point, the same command goes on where it stopped. The phase isolation
    (row-level security) changes what the application sees and is carried out only when it is named.

    Exit code 0: all that was asked for is done; 1: some could not be done; 2: could not run.
    """
    from tenfold.report.terminal import WIDTH

    check_is_live(source, "apply")
    console = console_of_width(WIDTH)
    judged = read_and_judge(source, config_file, timeout)
    made = _plan(judged, plan_file)
    if objects:
        made = chosen(made, None, (), objects)
    wanted = _chosen_changes(made, only, phases)
    if Phase.ISOLATION in phases:
        _show_preflight(console, judged)
    if not wanted:
        console.print("nothing is to be done")
        return 0
    if not dry_run and not yes and not _agreed(console, made, wanted):
        console.print("nothing was changed")
        return 0
    from tenfold.cli.progress import observing
    from tenfold.migrate.apply import apply
    from tenfold.migrate.retry import Limits
    from tenfold.migrate.site import connector

    limits = Limits(lock_timeout=lock_timeout)
    with observing(console) as observer:
        outcome = apply(
            made,
            connector(source, limits),
            observer=observer,
            phases=phases or None,
            priorities=None if only is None else [priority for priority in Priority if priority <= only],
            dry_run=dry_run,
            journal_folder=journal,
            limits=limits,
        )
    return report_run(console, outcome, "apply", told=not dry_run)


def _plan(judged: Judged, plan_file: Path | None) -> Plan:
    if plan_file is None:
        return plan_of(judged)
    from tenfold.migrate.apply import foreign_plan
    from tenfold.migrate.write_json import read_plan

    made = read_plan(plan_file)
    if made.fingerprint != judged.snapshot.fingerprint:
        raise foreign_plan(made)
    return made


def _chosen_changes(made: Plan, only: Priority | None, phases: tuple[Phase, ...]) -> tuple[Change, ...]:
    wanted = phases or tuple(phase for phase in Phase if phase is not Phase.ISOLATION)
    return tuple(
        change
        for change in made.changes
        if change.phase in wanted and (only is None or change.priority <= only)
    )


def _show_preflight(console: Console, judged: Judged) -> None:
    from tenfold.migrate.preflight import preflight
    from tenfold.report.preflight import preflight_page

    console.print(preflight_page(preflight(judged.snapshot, judged.audit, judged.loaded.workload)))


def _agreed(console: Console, made: Plan, wanted: tuple[Change, ...]) -> bool:
    from rich.text import Text

    from tenfold.model.wording import counted
    from tenfold.report.plan import changes_table

    console.print(Text.assemble(counted(len(wanted), "change"), " to ", (made.database, "bold"), ":"))
    console.print(changes_table(wanted))
    return agreed(console, "Carry them out?" if len(wanted) > 1 else "Carry it out?")


def report_run(console: Console, outcome: Run, command_name: str, *, told: bool) -> int:
    """Says what became of the changes, unless an observer has told it of each; the exit code."""
    from rich.markup import escape

    from tenfold.migrate.run import State
    from tenfold.model.wording import counted

    for entry in outcome.of(State.TODO):
        console.print(f"would do  {escape(entry.change.title)}", soft_wrap=True)
    for entry in () if told else outcome.of(State.FAILED, State.NOT_ATTEMPTED):
        console.print(
            f"[red]{entry.state.value}[/]: {escape(entry.change.title)}: {escape(entry.why)}", soft_wrap=True
        )
    became = [
        f"{len(outcome.of(state))} {state.value}"
        for state in State
        if state is not State.LEFT_OUT and outcome.of(state)
    ]
    console.print(f"{command_name}: {', '.join(became) or 'nothing is to be done'}")
    waiting = [entry for entry in outcome.of(State.LEFT_OUT) if entry.why.startswith("it requires")]
    if waiting:
        wait = "waits" if len(waiting) == 1 else "wait"
        console.print(
            f"{counted(len(waiting), 'change')} {wait} for others that were not asked for", style="dim"
        )
    left_out = [entry for entry in outcome.of(State.LEFT_OUT) if "when it is named" in entry.why]
    if left_out:
        wait = "waits until it is" if len(left_out) == 1 else "wait until they are"
        console.print(
            f"{counted(len(left_out), 'change')} of row-level security {wait} named: --phase isolation",
            style="dim",
        )
    return 0 if outcome.complete else 1
