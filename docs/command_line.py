"""Writes the reference of the command line from click's own help: every command, argument and option."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from tenfold.cli.main import tenfold

INTRODUCTION = """# Command line

SOURCE is what a command reads: a DSN (`postgresql://user@host/database`, `host=... dbname=...` or
`service=name`), or a snapshot file. `apply`, `undo`, `snapshot` and `calibrate` take a DSN only. Left out,
the `PG*` environment variables say where, as for `psql`.

Every session is read-only, except those of `apply` and `undo`. Every session is named in `pg_stat_activity`:
`tenfold` where it reads, `tenfold apply` where it writes.

## Exit codes

| code | audit | gate | apply, undo | other commands |
|---|---|---|---|---|
| 0 | no finding at or above `--fail-on` | no plan is worse | all that was asked for is done | done |
| 1 | findings | a plan is worse | some changes could not be done; the output says which and why | |
| 2 | could not run | could not run | could not run; nothing more was changed | could not run |
| 130 | interrupted | interrupted | interrupted; the same command goes on | interrupted |
| 143 | terminated | terminated | terminated; the same command goes on | terminated |

SIGTERM (143), as `kill` and service managers send it, is treated as Ctrl-C (130): what was under way is taken
back, what remains is said, and an embedded server that was started for the command is stopped.

With 2, one line on standard error says what is wrong and what to do about it. That is also the answer to a
database without tables, which is likely another one than was meant. Reports and plans go to standard output
or to `--output`; progress, warnings and notices go to standard error.

## Environment

| variable | meaning |
|---|---|
| `PGHOST`, `PGDATABASE`, `PGSERVICE`, ... | as for every program that uses libpq |
| `NO_COLOR` | set: no colours |
| `TENFOLD_CACHE_DIR` | folder of embedded servers; by default in the user's cache directory |
| `TENFOLD_SERVER_ACCOUNT` | where root starts an embedded server: the account that it runs as |
"""


def command_line_page() -> str:
    root = click.Context(tenfold, info_name="tenfold")
    return "\n".join([INTRODUCTION, *_group(tenfold, root)])


def _group(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield from _command(command, inner)
        if isinstance(command, click.Group):
            yield from _group(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    yield ""
    yield "```"
    yield command.get_usage(context).removeprefix("Usage: ")
    yield "```"
    yield ""
    # A lone \b is click's mark of a paragraph that is not to be wrapped.
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    yield ""
    options = [record for option in command.params if (record := _option(option, context)) is not None]
    if options:
        yield "| option | meaning |"
        yield "|---|---|"
        yield from options
        yield ""


def _option(option: click.Parameter, context: click.Context) -> str | None:
    record = option.get_help_record(context)
    if record is None or not isinstance(option, click.Option):
        return None
    words, meaning = record
    # click puts two spaces between the text and what it adds of its own, such as the default.
    return f"| `{_cell(words)}` | {_cell(re.sub(' {2,}', ' ', meaning))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
