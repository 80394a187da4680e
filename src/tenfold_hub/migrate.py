"""Brings a database to the newest form of the hub. Run it as the role that owns the hub's schemas."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from tenfold.errors import UsageError
from tenfold_hub.roles import ROLES, Roles

_FOLDER = Path(__file__).parent / "migrations"


def migrate(dsn: str, roles: Roles = ROLES) -> str:
    """The revision that it is at now. Raises UsageError for a role that is not there."""
    engine = create_engine(_url(dsn))
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT rolname FROM pg_catalog.pg_roles")).scalars()
            if missing := set(roles.names).difference(found):
                raise UsageError(
                    f"there is no role {min(missing)}; create it: CREATE ROLE {min(missing)} LOGIN"
                )
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS hub_migrations"))
            connection.commit()
            config = Config()
            config.set_main_option("script_location", str(_FOLDER))
            config.attributes |= {"connection": connection, "roles": roles}
            command.upgrade(config, "head")
            return str(
                connection.execute(text("SELECT version_num FROM hub_migrations.migrations")).scalar_one()
            )
    finally:
        engine.dispose()


def _url(dsn: str) -> str:
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy.engine import URL

    known = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return URL.create("postgresql+psycopg", query=known).render_as_string(hide_password=False)
