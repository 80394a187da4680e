"""`tenfold hub`: a customer platform on one PostgreSQL. It joins the command line by an entry point."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from tenfold_hub.cli import bench

_LOCAL = "Default: the embedded server of `tenfold hub serve`."
_database = click.option(
    "--database", metavar="DSN", help=f"A superuser's, of a PostgreSQL that is there. {_LOCAL}"
)


@click.group("hub", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run a headless customer platform: people, companies, contacts, custom objects, orders, one API."""


@command.command("serve")
@click.option(
    "--database",
    metavar="DSN",
    envvar="TENFOLD_HUB_DATABASE",
    help="Of the role hub_app. Default: an embedded server with a demonstration organization.",
)
@click.option("--replica", "replicas", multiple=True, metavar="DSN", help="A replica to read from.")
@click.option(
    "--redis",
    default="",
    metavar="URL",
    envvar="TENFOLD_HUB_REDIS",
    help="Redis or Valkey, shared by all processes.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option(
    "--only",
    type=click.Choice(["commerce"]),
    envvar="TENFOLD_HUB_ONLY",
    help="Serve this domain alone, beside a whole hub.",
)
@click.option(
    "--identity",
    default="",
    metavar="URL",
    envvar="TENFOLD_HUB_IDENTITY",
    help="With --only: the hub that knows who asks.",
)
def serve(
    database: str | None,
    replicas: tuple[str, ...],
    redis: str,
    host: str,
    port: int,
    workers: int,
    only: str | None,
    identity: str,
) -> None:
    """Serve the API. Ctrl-C stops it, and the embedded server with it; its data stays."""
    from tenfold_hub.cli.serve import serve

    serve(database, replicas, redis, host, port, workers, only or "", identity)


@command.command("migrate")
@click.argument("dsn")
@click.option("--create-roles", is_flag=True, help="First create the hub's roles, where they are missing.")
@click.option(
    "--lock-timeout", default=4.0, show_default=True, metavar="SECONDS", type=click.FloatRange(0.001)
)
@click.option(
    "--statement-timeout", default=300.0, show_default=True, metavar="SECONDS", type=click.FloatRange(0.001)
)
def migrate(dsn: str, create_roles: bool, lock_timeout: float, statement_timeout: float) -> None:
    """Bring the database of DSN to the newest form. DSN is of hub_owner, or of a superuser."""
    from tenfold_hub.migrate import migrate, translated
    from tenfold_hub.roles import create_roles as create

    if create_roles:
        with translated():
            create(dsn)
    revision = migrate(dsn, lock_timeout=lock_timeout, statement_timeout=statement_timeout)
    click.echo(f"the database is at {revision}")


@command.command("seed")
@_database
@click.option("--organizations", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--persons", default=20_000, show_default=True, type=click.IntRange(1), help="Of all together.")
@click.option(
    "--skew",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 3),
    help="Zipf's exponent: 0 makes all organizations alike, 1 gives the first of 100 a fifth of all persons.",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Another one, other rows.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day of the newest rows, of 730 days. Default: today. The same day and seed, the same rows.",
)
@click.option(
    "--search/--no-search", default=True, show_default=True, help="Rows that search finds them by: most rows."
)
def seed(
    database: str | None,
    organizations: int,
    persons: int,
    skew: float,
    seed: int,
    until: datetime | None,
    search: bool,
) -> None:
    """Make up organizations with people, companies, deals and orders. Ctrl-C leaves whole organizations."""
    from tenfold_hub.cli.seed import seed as run
    from tenfold_hub.seeding.loading import Plan

    day = (until or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    plan = Plan(
        organizations=organizations,
        persons=max(persons, organizations),
        skew=skew,
        seed=seed,
        until=int(day.timestamp() * 1000),
        searched=search,
    )
    run(database, plan)


@command.group("organization")
def organization() -> None:
    """Organizations: they are made here, and not by the API."""


@organization.command("create")
@_database
@click.argument("slug")
@click.argument("name")
def create_organization(database: str | None, slug: str, name: str) -> None:
    """Make an organization that is called NAME, and prints its id. SLUG: small letters, digits, hyphens."""
    from tenfold_hub.cli.access import create_organization
    from tenfold_hub.cli.local import named_or_local

    with named_or_local(database) as dsn:
        click.echo(create_organization(dsn, slug, name))


@command.command("key")
@_database
@click.option("--organization", required=True, metavar="SLUG", help="Its slug, or its id (org_...).")
@click.option(
    "--scopes", default="*", show_default=True, metavar="SCOPES", help="Such as contacts:read,companies:*"
)
@click.option("--name", default="command line", show_default=True, help="What the key is listed as.")
def key(database: str | None, organization: str, scopes: str, name: str) -> None:
    """Make an API key, and print it this once."""
    from tenfold_hub.cli.access import create_key
    from tenfold_hub.cli.local import named_or_local

    with named_or_local(database) as dsn:
        click.echo(create_key(dsn, organization, name, scopes.replace(",", " ").split()))


@command.command("check")
@_database
def check(database: str | None) -> int:
    """Say whether a hub is as it must be. Exits with 1 where something is wrong."""
    from tenfold_hub.cli.check import check

    return check(database)


command.add_command(bench.command)
