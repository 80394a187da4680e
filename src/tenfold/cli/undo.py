"""`tenfold undo`: takes back what apply did, last change first."""

from __future__ import annotations

from pathlib import Path

import click

from tenfold.cli.apply import (
    dry_run_option,
    journal_option,
    lock_timeout_option,
    report_run,
    yes_option,
)
from tenfold.cli.options import agreed, check_is_live, console_of_width, dsn_argument
from tenfold.cli.plan import object_option, phase_option
from tenfold.model.change import Phase


@click.command("undo")
@dsn_argument
@phase_option
@object_option
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N changes.")
@dry_run_option
@yes_option
@journal_option
@lock_timeout_option
def command(
    source: str,
    phases: tuple[Phase, ...],
    objects: tuple[str, ...],
    last: int | None,
    dry_run: bool,
    yes: bool,
    journal: Path | None,
    lock_timeout: float,
) -> int:
    """Take back what `tenfold apply` did on this database, last change first.

    Works from the record that apply keeps: what was there before apply came is not touched. One table's
    row-level security is taken off again with: tenfold undo DSN --phase isolation --object TABLE
    """
    from tenfold.cli.progress import observing
    from tenfold.migrate.retry import Limits
    from tenfold.migrate.run import State
    from tenfold.migrate.site import connector
    from tenfold.migrate.undo import undo
    from tenfold.report.terminal import WIDTH

    check_is_live(source, "undo")
    console = console_of_width(WIDTH)
    limits = Limits(lock_timeout=lock_timeout)

    def carry_out(preview: bool) -> int:
        with observing(console) as observer:
            outcome = undo(
                connector(source, limits),
                observer=observer,
                phases=phases or None,
                objects=objects or None,
                last=last,
                dry_run=preview,
                journal_folder=journal,
                limits=limits,
            )
        waiting = len(outcome.of(State.TODO))
        code = report_run(console, outcome, "undo", told=not preview)
        return waiting if preview else code

    if dry_run or not yes:
        waiting = carry_out(preview=True)
        if dry_run or not waiting:
            return 0
        if not agreed(console, "Take them back?" if waiting > 1 else "Take it back?"):
            console.print("nothing was changed")
            return 0
    return carry_out(preview=False)
