"""`tenfold demo`: the main job from end to end, on the example that ships, explained as it goes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from tenfold.errors import UsageError


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
            server = EmbeddedServer.open(settings=settings)
            server.start()
            server.detach()
            server.drop_database("outreach")
        else:
            server = stack.enter_context(EmbeddedServer.temporary(settings=settings))
        dsn = server.create_database("outreach")
        story = Story(console, dsn, example_folder(), server.folder / "journal")
        story.tell(tenants, scale, output)
        console.print(f"\n[dim]{time.monotonic() - start:.0f} s in all.[/]")
        if keep:
            console.print(f"The server runs on: psql '{dsn}'\nStop it with: tenfold server stop")
    return 0
