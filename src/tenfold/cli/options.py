"""What several commands share: arguments, options, and how a source becomes a judged snapshot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from tenfold.errors import UsageError
from tenfold.model.finding import Priority

if TYPE_CHECKING:
    from rich.console import Console

    from tenfold.catalog.config_file import LoadedConfig
    from tenfold.model.audit import Audit
    from tenfold.model.snapshot import Snapshot

F = TypeVar("F", bound=Callable[..., Any])

#: As they are written everywhere else: help would show the choices in lower case.
PRIORITIES = f"[{'|'.join(Priority)}]"

source_argument = click.argument("source", default="", required=False)
dsn_argument = click.argument("source", metavar="[DSN]", default="", required=False)
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file. Default: tenfold.toml, found upwards from the working directory.",
)
output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="Seconds that any one catalog query may take.",
)
priority_option = click.option(
    "--only",
    type=click.Choice(list(Priority), case_sensitive=False),
    metavar=PRIORITIES,
    help="Only changes of this priority or more urgent ones.",
)


class Judged(msgspec.Struct, frozen=True):
    """A source, read and judged."""

    snapshot: Snapshot
    audit: Audit
    loaded: LoadedConfig


def read_and_judge(
    source: str,
    config_file: Path | None,
    timeout: float,
    *,
    rules: Sequence[str] = (),
    ignore: Sequence[str] = (),
    baseline: frozenset[str] = frozenset(),
) -> Judged:
    """Loads the configuration and the source and runs the rules, with progress on a terminal."""
    from tenfold.catalog.config_file import load_config
    from tenfold.catalog.source import load_source
    from tenfold.rules.audit import audit
    from tenfold.rules.config_check import check_config

    loaded = load_config(config_file)
    with progress("reading the catalog") as advance:
        snapshot = load_source(source, progress=advance, timeout=timeout)
        for warning in check_config(snapshot, loaded.config):
            click.echo(f"tenfold: warning: {warning}", err=True)
        judged = audit(
            snapshot,
            loaded.config,
            workload=loaded.workload,
            rules=choose_rules(rules, ignore),
            baseline=baseline,
            progress=advance,
        )
    return Judged(snapshot, judged, loaded)


def choose_rules(only: Sequence[str], ignore: Sequence[str]) -> Any:
    """The rules that `--only` and `--ignore` leave; each word is a rule's id or a group's name."""
    from tenfold.rules.rule import GROUPS, all_rules, find_rule

    def chosen(words: Sequence[str]) -> set[str]:
        ids: set[str] = set()
        for word in (part for words_ in words for part in words_.split(",") if part):
            ids |= {rule.id for rule in all_rules() if rule.group == word} or {find_rule(word).id}
        return ids

    wanted = chosen(only) if only else {rule.id for rule in all_rules()}
    left = tuple(rule for rule in all_rules() if rule.id in wanted - chosen(ignore))
    if not left:
        raise UsageError(f"--only and --ignore leave no rule; groups are {', '.join(GROUPS)}")
    return left


@contextmanager
def progress(what: str) -> Generator[Callable[[str], None]]:
    """A line on standard error that says what is being done; nothing where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(what) as status:
        yield lambda step: status.update(f"{what}: {step.replace('_', ' ')}")


def deliver(text: str, output: Path | None, what: str) -> None:
    """Writes a document to a file, and says so, or to standard output."""
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    from tenfold.catalog.file import write_whole

    write_whole(output, text.encode())
    click.echo(f"{what} written to {output}", err=True)


def coloured(output: Path | None) -> bool:
    """Whether a page that goes there should have colours: to a terminal, unless NO_COLOR says not."""
    return output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ


def check_is_live(source: str, command: str) -> None:
    """Refuses a file, for the commands that write. Raises UsageError."""
    from tenfold.catalog.source import is_file

    if is_file(source):
        raise UsageError(f"{command} works on a live database; {source!r} is not a DSN")


def agreed(console: Console, question: str) -> bool:
    """Whether the user says yes. Raises UsageError where there is nobody to ask."""
    if not console.is_terminal:
        raise UsageError("there is no terminal to ask at; say --yes to go ahead, or --dry-run to look")
    return click.confirm(question, default=False)


def console_of_width(least: int) -> Console:
    """A console for standard output: as wide as the terminal, and where there is none, wide enough."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=least)
