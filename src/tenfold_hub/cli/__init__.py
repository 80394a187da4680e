"""`tenfold hub`: a customer platform on one PostgreSQL. It joins the command line by an entry point."""

from __future__ import annotations

import click

_database = click.option(
    "--database",
    metavar="DSN",
    help="Of a PostgreSQL that is there. Default: an embedded server with a demonstration organization.",
)


@click.group("hub", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run a headless customer platform: people, companies, contacts, custom objects, orders, one API."""


@command.command("serve")
@_database
@click.option("--replica", "replicas", multiple=True, metavar="DSN", help="A replica to read from.")
@click.option("--redis", default="", metavar="URL", help="Redis or Valkey, shared by all processes.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
def serve(
    database: str | None, replicas: tuple[str, ...], redis: str, host: str, port: int, workers: int
) -> None:
    """Serve the API. Ctrl-C stops it, and the embedded server with it; its data stays."""
    from tenfold_hub.cli.serve import serve

    serve(database, replicas, redis, host, port, workers)


@command.command("migrate")
@click.argument("dsn")
@click.option("--create-roles", is_flag=True, help="First create the hub's roles, where they are missing.")
def migrate(dsn: str, create_roles: bool) -> None:
    """Bring the database of DSN to the newest form. DSN is of a role that may create schemas."""
    from tenfold_hub.migrate import migrate
    from tenfold_hub.roles import create_roles as create

    if create_roles:
        create(dsn)
    click.echo(f"the database is at {migrate(dsn)}")
