"""Brings a database to the newest form of the hub, and says which form it has.

Safe by default: nothing waits long for a lock, so that no request queues up behind it; each step is a
transaction of its own; two that run at once do not meet. What it takes does not depend on how many
organizations there are: they share their tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors as pg_errors
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tenfold.errors import (
    AuthenticationError,
    ConnectError,
    LockTimeoutError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
    TenfoldError,
    UsageError,
)
from tenfold_hub.roles import ROLES, Roles

_FOLDER = Path(__file__).parent / "migrations"
_TABLE = "hub_migrations.migrations"
#: Any number, as long as all hubs agree.
_LOCK = 7_310_579_114_202

#: Seconds.
LOCK_TIMEOUT = 4.0
STATEMENT_TIMEOUT = 300.0
_CONNECT_TIMEOUT = 10

_WHO = """
SELECT current_user, rolsuper, (SELECT array_agg(rolname::text) FROM pg_catalog.pg_roles)
  FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_REVISION = f"SELECT version_num FROM {_TABLE}"


class MigrationError(TenfoldError):
    """The database is not of the form that this version works with; run: tenfold hub migrate DSN"""


def migrate(
    dsn: str,
    roles: Roles = ROLES,
    *,
    to: str = "head",
    lock_timeout: float = LOCK_TIMEOUT,
    statement_timeout: float = STATEMENT_TIMEOUT,
) -> str:
    """The revision that it is at now.

    `dsn` is of the hub's owner, or of a superuser, who then acts as the owner. Raises UsageError for a role
    that is not there, MigrationError for a database that is ahead of this version, and for what the server
    refuses one of `translated`.
    """
    with translated():
        with psycopg.connect(dsn, connect_timeout=_CONNECT_TIMEOUT) as connection:
            _require_known(revision_in(connection))
            as_owner = _require_roles(connection, roles)
        # An option of the session, so that RESET ROLE within a migration comes back to the owner.
        options = " ".join(
            [
                f"-c lock_timeout={int(lock_timeout * 1000)}",
                f"-c statement_timeout={int(statement_timeout * 1000)}",
                *([f"-c role={roles.owner}"] if as_owner else []),
            ]
        )
        engine = create_engine(_url(make_conninfo(dsn, options=options, connect_timeout=_CONNECT_TIMEOUT)))
        try:
            with engine.connect() as connection:
                if not connection.execute(text(f"SELECT pg_try_advisory_lock({_LOCK})")).scalar_one():
                    raise LockTimeoutError(
                        "another `tenfold hub migrate` works on this database; wait for it"
                    )
                # IF NOT EXISTS would ask for the right to create one that is there.
                if connection.execute(text("SELECT to_regnamespace('hub_migrations')")).scalar() is None:
                    connection.execute(text("CREATE SCHEMA hub_migrations"))
                connection.commit()
                config = _config()
                config.attributes |= {"connection": connection, "roles": roles}
                command.upgrade(config, to)
                revision = str(connection.execute(text(_REVISION)).scalar_one())
                _open_to(connection, roles)
                return revision
        finally:
            engine.dispose()


def head() -> str:
    """The revision that this version of the hub works with."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def revisions() -> list[str]:
    """From the first to the last."""
    return [str(each.revision) for each in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def revision_in(connection: psycopg.Connection[Any]) -> str | None:
    """None for a database that holds no hub, or none that this role may know of."""
    (there,) = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL AND has_table_privilege(to_regclass(%s), 'SELECT')",
        [_TABLE, _TABLE],
    ).fetchone() or (None,)
    if not there:
        return None
    row = connection.execute(_REVISION).fetchone()
    return str(row[0]) if row else None


def require_head(connection: psycopg.Connection[Any]) -> str:
    """The revision. Raises MigrationError for a database of another one."""
    found, wanted = revision_in(connection), head()
    if found is None:
        raise MigrationError(
            "this database holds no hub, or none that this role may see; run: tenfold hub migrate DSN"
        )
    _require_known(found)
    if found != wanted:
        raise MigrationError(
            f"the database is at {found}, and this version of the hub needs {wanted};"
            " run: tenfold hub migrate DSN"
        )
    return found


@contextmanager
def translated() -> Iterator[None]:
    """Raises what the driver, or Alembic on top of it, says as an error of ours, in one line."""
    try:
        yield
    except DBAPIError as error:
        raise _ours(error.orig) from error
    except psycopg.Error as error:
        raise _ours(error) from error


def _ours(error: BaseException | None) -> TenfoldError:
    diagnosis = getattr(error, "diag", None)
    said = (getattr(diagnosis, "message_primary", None) or str(error)).strip().splitlines()[0]
    match error:
        case pg_errors.InsufficientPrivilege():
            return PrivilegeError(f"{said}; connect as the hub's owner, or as a superuser")
        case pg_errors.LockNotAvailable():
            return LockTimeoutError("a lock could not be had in time; run it again when it is quieter")
        case pg_errors.QueryCanceled():
            return StatementTimeoutError("a step took too long, and was taken back; give it more time")
        case psycopg.OperationalError() if error.sqlstate is None:
            refused = "authentication" in said or "password" in said or "role" in said
            kind = AuthenticationError if refused else ConnectError
            reason = said.split("failed: ")[-1].removeprefix("FATAL:").strip()
            return kind(f"cannot connect: {reason}; check the DSN, and that PostgreSQL runs there")
        case psycopg.ProgrammingError() if error.sqlstate is None:
            return UsageError(f"this is no DSN: {said}")
        case _:
            return StatementError(f"the server refused a statement: {said}")


def _require_known(found: str | None) -> None:
    if found is not None and found not in revisions():
        raise MigrationError(
            f"the database is at {found}, which this version of the hub does not know; install the newer one"
        )


def _require_roles(connection: psycopg.Connection[Any], roles: Roles) -> bool:
    """Whether to act as the owner, being somebody else."""
    user, superuser, known = connection.execute(_WHO).fetchone() or ("", False, [])
    if missing := [name for name in roles.names if name not in known]:
        raise UsageError(
            f"there is no role {missing[0]}; a superuser creates all that are missing with:"
            " tenfold hub migrate DSN --create-roles"
        )
    if user == roles.owner:
        return False
    if not superuser:
        raise PrivilegeError(
            f"{user} does not own the hub; migrate as {roles.owner}, or as a superuser, who acts as it"
        )
    return True


def _open_to(connection: Any, roles: Roles) -> None:
    """Whoever serves may know the revision, to say whether it fits."""
    for statement in (
        f'GRANT USAGE ON SCHEMA hub_migrations TO "{roles.application}", "{roles.commerce}"',
        f'GRANT SELECT ON {_TABLE} TO "{roles.application}", "{roles.commerce}"',
    ):
        connection.execute(text(statement))
    connection.commit()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def _url(dsn: str) -> str:
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy.engine import URL

    known = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return URL.create("postgresql+psycopg", query=known).render_as_string(hide_password=False)
