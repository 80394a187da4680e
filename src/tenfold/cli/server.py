"""`tenfold server`: embedded PostgreSQL servers for trying things out."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the server's data. Default: one in the user's cache directory.",
)


@click.group("server", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Start, stop and list embedded PostgreSQL servers: no root, no container, data in one folder."""


@command.command("start")
@_folder
@click.option("--binaries", type=click.Path(path_type=Path), help="Folder of PostgreSQL 13 to 18 programs.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Also listen on 127.0.0.1, with the password in the file `password`; 0 takes a free port.",
)
def start(folder: Path | None, binaries: Path | None, port: int | None) -> None:
    """Start a server, or find it running, and print its DSN. It runs until it is stopped."""
    from tenfold.pg.embedded import EmbeddedServer

    server = EmbeddedServer.open(folder, binaries=binaries, port=port)
    server.start()
    server.detach()
    click.echo(server.dsn())
    where = f" --folder {shlex.quote(str(folder))}" if folder else ""
    click.echo(
        f"PostgreSQL {server.major} runs in {server.folder}; stop it with: tenfold server stop{where}",
        err=True,
    )


@command.command("stop")
@_folder
def stop(folder: Path | None) -> None:
    """Stop a server; its data stays."""
    from tenfold.pg.embedded import EmbeddedServer

    server = EmbeddedServer.open(folder)
    was_running = server.running
    server.stop()
    click.echo("stopped" if was_running else f"no server runs in {server.folder}", err=True)


@command.command("list")
def list_() -> None:
    """List the servers that run in the user's cache directory: version, folder, DSN."""
    from tenfold.pg.embedded import EmbeddedServer

    for server in EmbeddedServer.all_running():
        click.echo(f"{server.major}  {server.folder}  {server.dsn()}")
