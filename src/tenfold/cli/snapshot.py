"""`tenfold snapshot`: saves what every other command can read instead of the server."""

from __future__ import annotations

from pathlib import Path

import click

from tenfold.cli.options import progress, source_argument, timeout_option


@click.command("snapshot")
@source_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write; gzipped where the name ends in .gz.",
)
@click.option("--redact", is_flag=True, help="Leave out values of rows and constants of statements.")
@timeout_option
def command(source: str, output: Path, redact: bool, timeout: float) -> None:
    """Save a database's catalog, statistics and activity to a file, or redact a file saved before.

    The file holds no rows. Without --redact it does hold the most common values and histogram bounds that the
    planner keeps, which are values of real rows.
    """
    from tenfold.catalog.file import save_snapshot
    from tenfold.catalog.redact import redact_snapshot
    from tenfold.catalog.source import load_source
    from tenfold.model.wording import counted

    with progress("reading the catalog") as advance:
        snapshot = load_source(source, progress=advance, timeout=timeout)
    save_snapshot(redact_snapshot(snapshot) if redact else snapshot, output)
    click.echo(
        f"{snapshot.database.name}: {counted(len(snapshot.relations), 'relation')}, "
        f"{counted(len(snapshot.indexes), 'index', 'indexes')}, "
        f"{counted(len(snapshot.statements), 'statement')} saved to {output}"
        + (" (redacted)" if redact else ""),
        err=True,
    )
