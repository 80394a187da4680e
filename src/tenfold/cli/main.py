"""The command line: each command is imported only when it runs, so that `tenfold --help` answers at once.

Exit codes: 0 done, 1 findings at or above the threshold, 2 could not run, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from tenfold import __version__
from tenfold.errors import ApplyInterruptedError, TenfoldError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: 128 + SIGINT and 128 + SIGTERM, as a shell says it.
INTERRUPTED, TERMINATED = 130, 143

#: Command -> (module of this package, what it does).
COMMANDS = {
    "audit": ("audit", "Judge a database or snapshot: tenancy, indexes, schema, capacity, queries."),
    "plan": ("plan", "Turn the findings into an ordered plan of reversible changes."),
    "apply": ("apply", "Carry a plan out on the live database, without an outage."),
    "undo": ("undo", "Take back what apply did."),
    "rules": ("rules", "List the rules, or explain one."),
    "snapshot": ("snapshot", "Save a database's catalog and statistics to a file; no rows."),
    "scenario": ("scenario", "Write down how tenants and their rows grow, and check it."),
    "calibrate": ("calibrate", "Measure what a unit of the planner's cost takes on a live server."),
    "forecast": ("forecast", "Say what every query will do at the sizes to come, and which breaks first."),
    "explain": ("explain", "Show a query's plan at any size, with what is wrong with it."),
    "gate": ("gate", "Fail when a change of schema or query makes a plan worse."),
    "server": ("server", "Start, stop and list embedded PostgreSQL servers."),
    "demo": ("demo", "Show the main job on an inherited 59-table database."),
    "bench": ("bench", "Measure Tenfold against its limits."),
}


class LazyGroup(click.Group):
    """A group whose help needs no command to be imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_joined()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            joined = _joined().get(cmd_name)
            return None if joined is None else joined.load()
        module = importlib.import_module(f"tenfold.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        if joined := _joined():
            with formatter.section("Commands of other packages"):
                formatter.write_dl(
                    [(name, entry.dist.name if entry.dist else "") for name, entry in joined.items()]
                )


def _joined() -> dict[str, EntryPoint]:
    """Commands that installed packages add."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group="tenfold.commands")}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tenfold")
def tenfold() -> None:
    """Keeps a multi-tenant PostgreSQL database fast and tenant-safe as it grows.

    SOURCE is a DSN (postgresql://user@host/database, or service=name), a snapshot file, or nothing: then the
    PG* environment variables say where, as for psql. Every session is read-only, except that of apply and
    undo.

    \b
    A first visit:
        tenfold audit postgresql://localhost/app
        tenfold plan  postgresql://localhost/app
        tenfold apply postgresql://localhost/app --dry-run
    """


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever clears up at Ctrl-C clears up at this."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; every foreseeable fault is one line on standard error."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line, instead of leaving the process."""
    try:
        outcome: Any = tenfold.main(args=arguments, prog_name="tenfold", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.Abort as stop:
        return _complain("interrupted; nothing more was done", _stopped_by(stop))
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message(), err=True)
        return fault.exit_code
    except click.ClickException as fault:
        context = getattr(fault, "ctx", None)
        hint = f" (see: {context.command_path} --help)" if context is not None else ""
        return _complain(fault.format_message() + hint)
    except ApplyInterruptedError as stop:
        return _complain(stop.message, _stopped_by(stop))
    except TenfoldError as fault:
        return _complain(fault.message)
    except BrokenPipeError:
        # The reader of our output has left, as `head` does. Keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return outcome if isinstance(outcome, int) else 0


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _stopped_by(stop: Exception) -> int:
    """The exit code of what was raised from a KeyboardInterrupt."""
    return TERMINATED if isinstance(stop.__cause__, Terminated) else INTERRUPTED


def _complain(message: str, code: int = 2) -> int:
    click.echo(f"tenfold: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
