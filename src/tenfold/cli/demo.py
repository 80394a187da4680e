"""`tenfold demo`: the main job from end to end, on the example that ships, explained as it goes."""

from __future__ import annotations

import contextlib
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tenfold.pg.embedded import EmbeddedServer

_DATABASE = "outreach"


@click.command("demo")
@click.option(
    "--tenants",
    type=click.IntRange(3, 10_000),
    metavar="N",
    default=40,
    show_default=True,
    help="How many teams share the database.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0.01, 100),
    metavar="TIMES",
    default=1.0,
    show_default=True,
    help="Times the rows: 1 makes about 5,000 rows a team.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("demo/report.html"),
    show_default=True,
    help="Where the HTML report goes.",
)
@click.option("--keep", is_flag=True, help="Leave the server running afterwards, to look around.")
def command(tenants: int, scale: float, output: Path, keep: bool) -> int:
    """Take an inherited database of 59 tables without row-level security and make it safe and fast.

    Everything happens on an embedded server; nothing of yours is touched. Takes about a minute.
    """
    from tenfold.cli.demo_story import Story
    from tenfold.cli.example import example_folder
    from tenfold.cli.options import console_of_width
    from tenfold.pg.embedded import EmbeddedServer
    from tenfold.pg.embedded.cache import cache_folder
    from tenfold.report.terminal import WIDTH

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{output.parent} cannot be made: {error.strerror}; choose another --output"
        ) from error
    console = console_of_width(WIDTH)
    start = time.monotonic()
    settings = {"shared_preload_libraries": "pg_stat_statements", "shared_buffers": "256MB"}
    with contextlib.ExitStack() as stack:
        if keep:
            # A server of the demo's own: the default one may hold a database of this name that is somebody's.
            server = EmbeddedServer.open(cache_folder() / "servers" / "demo", settings=settings)
            server.start()
            server.detach()
            stack.callback(_tell_where, console, server)  # however this ends
            _clear(server.dsn())
        else:
            server = stack.enter_context(EmbeddedServer.temporary(settings=settings))
        dsn = server.create_database(_DATABASE)
        story = Story(console, dsn, example_folder(), None if keep else server.folder / "journal")
        story.tell(tenants, scale, output)
        console.print(f"\n[dim]{time.monotonic() - start:.0f} s in all.[/]")
    return 0


def _tell_where(console: Console, server: EmbeddedServer) -> None:
    console.print(f"The server runs on: psql {shlex.quote(server.dsn(_DATABASE))}", soft_wrap=True)
    console.print(
        f"Stop it with: tenfold server stop --folder {shlex.quote(str(server.folder))}", soft_wrap=True
    )


def _clear(dsn: str) -> None:
    """Takes away what an earlier demo left on this server."""
    from tenfold.pg.connect import connect, execute_script

    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, "DROP DATABASE IF EXISTS outreach WITH (FORCE)")
        execute_script(connection, "DROP ROLE IF EXISTS outreach_app")
