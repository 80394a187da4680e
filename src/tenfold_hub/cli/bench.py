"""`tenfold hub bench`: the hub's requests beside others', and the seeds' claims at several sizes.

They are the hub's commands: the toolkit's own `tenfold bench` may not know of it, and is installed without.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tenfold.errors import UsageError

if TYPE_CHECKING:
    from tenfold_hub.bench.claims import Found, Times
    from tenfold_hub.bench.ground import Ground, Told
    from tenfold_hub.bench.requests import Result

_MOST = 10_000_000
_SERVER: dict[str, str | int | bool] = {"shared_buffers": "1GB", "max_wal_size": "8GB", "jit": False}
_organizations = click.option(
    "--organizations", default=100, show_default=True, type=click.IntRange(2, 10_000), help="By Zipf's law."
)


@click.group("bench", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Measure the hub, on a private embedded server that ends with the bench."""


@command.command("requests")
@click.option("--persons", default=20_000, show_default=True, type=click.IntRange(100, _MOST))
@_organizations
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option("--seconds", default=5, show_default=True, type=click.IntRange(1, 600), help="Of each run.")
@click.option(
    "--beside",
    "folder",
    default=Path("benchmarks"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the others are: `benchmarks` of this project. Those that are not there are left out.",
)
def requests(persons: int, organizations: int, rounds: int, seconds: int, folder: Path) -> None:
    """Reads, lists, writes and batches of 1,000 by wrk: the hub, bare ASGI, and FastAPI with SQLAlchemy.

    All answer from the same database, one process each, turn and turn about.
    """
    from tenfold_hub.bench.ground import ground
    from tenfold_hub.bench.load import wrk
    from tenfold_hub.bench.requests import measure
    from tenfold_hub.bench.servers import contenders

    wrk()  # known before the minutes that filling takes
    _require_some(persons, organizations)
    with _progress() as told, _server() as server:
        made = ground(server.create_database("bench"), persons, organizations, told)
        asked = contenders(folder.resolve())
        results = measure(made, asked, rounds=rounds, seconds=seconds, told=told)
    _show_requests(results, rounds, seconds)


@command.command("claims")
@click.option(
    "--persons",
    "sizes",
    default="20000,1000000",
    show_default=True,
    metavar="N,...",
    help="Rising sizes, up to 10000000; each is a database of its own.",
)
@_organizations
@click.option("--repeat", default=50, show_default=True, type=click.IntRange(3, 1000), help="Of a statement.")
def claims(sizes: str, organizations: int, repeat: int) -> None:
    """The claims of the seeds about speed: what was measured, and whether each holds.

    As the application's role, which policies bind, for the largest, the median and the newest organization.
    """
    from tenfold_hub.bench.claims import contains_is_leakproof, ledger, measure
    from tenfold_hub.bench.ground import ground

    counts = read_sizes(sizes)
    _require_some(counts[0], organizations)
    with _progress() as told, _server() as server:

        def made(persons: int) -> Ground:
            owner = server.create_database(f"claims_{persons}")
            return ground(
                owner,
                persons,
                organizations,
                lambda step: told(f"{persons:,} persons: {step}"),
                searched=False,
            )

        # All are filled before any is measured: what is compared is measured one right after the other.
        grounds = [made(persons) for persons in counts]
        smaller: Times | None = None
        for each in grounds:
            times = measure(each, repeat=repeat, told=told)
            found = ledger(times, each.persons, smaller, contains_is_leakproof(each))
            _show_claims(found, each.persons, organizations, repeat)
            smaller = times


def read_sizes(text: str) -> list[int]:
    """Raises UsageError."""
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or sizes != sorted(set(sizes)) or sizes[0] < 100 or sizes[-1] > _MOST:
        raise UsageError(
            f"--persons takes rising numbers from 100 to {_MOST:,}, with commas; not {text[:40]!r}"
        )
    return sizes


def _require_some(persons: int, organizations: int) -> None:
    if persons < 10 * organizations:
        raise UsageError(f"{organizations} organizations need {10 * organizations:,} persons at least")


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    from tenfold.pg.embedded import EmbeddedServer

    with EmbeddedServer.temporary(settings=_SERVER) as server:
        yield server


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """A line on standard error; nothing where that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("bench") as status:
        yield lambda step: status.update(f"bench: {step}")


def _show_requests(results: list[Result], rounds: int, seconds: int) -> None:
    from tenfold_hub.bench.requests import CONNECTIONS, HUB_ALONE, verdicts

    connections = CONNECTIONS | HUB_ALONE

    rows = [
        [
            each.kind,
            each.name,
            str(connections[each.kind]),
            f"{each.typical.rate:,.0f}",
            *(f"{value * 1000:,.1f} ms" for value in (each.typical.p50, each.typical.p95, each.typical.p99)),
            f"{sum(load.failed for load in each.rounds):,}",
        ]
        for each in sorted(results, key=lambda each: list(connections).index(each.kind))
    ]
    _table(["request", "by", "connections", "a second", "p50", "p95", "p99", "failed"], rows)
    _table(
        ["goal", "measured", "verdict"],
        [[each.goal, each.measured, "met" if each.met else "not met"] for each in verdicts(results)],
    )
    click.echo(
        f"The round of the median rate of {rounds}, each of {seconds} s; wrk, PostgreSQL and the servers"
        f" share the machine: {_machine()}."
    )


def _show_claims(found: list[Found], persons: int, organizations: int, repeat: int) -> None:
    click.echo(f"{persons:,} persons in {organizations} organizations")
    _table(
        ["", "seed", "claim", "how", "measured: largest / median / newest", "verdict"],
        [
            [
                each.id,
                each.seed,
                each.claim,
                each.how,
                each.measured,
                ": ".join(filter(None, (each.verdict, each.why))),
            ]
            for each in found
        ],
    )
    click.echo(f"Medians of {repeat} on this machine: {_machine()}.\n")


def _table(headings: list[str], rows: list[list[str]]) -> None:
    """As Markdown, which is read in a terminal and shown by what renders it."""
    for row in (headings, ["---"] * len(headings), *rows):
        click.echo(f"| {' | '.join(row)} |")
    click.echo()


def _machine() -> str:
    import os
    import platform

    return (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()},"
        f" {platform.system()}"
    )
