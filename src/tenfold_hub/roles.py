"""The roles of a hub's database: who owns it, who serves requests, who dispatches, and who maintains.

owner        owns the schemas and runs migrations; policies bind it too
application  serves requests; it owns nothing, and policies show it one organization at a time
dispatcher   reads the outbox of all organizations, and nothing else
commerce     serves commerce alone, in a process of its own: it sees no table of another domain
maintenance  refreshes the summary of customers, one organization at a time, keeps time, and prunes: policies
             of its own let it see of all organizations what has grown old, and who has something to be done
"""

from __future__ import annotations

import itertools

import msgspec
import psycopg
from psycopg import sql


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """Their names. All may log in, and none is a superuser or has BYPASSRLS."""

    owner: str = "hub_owner"
    application: str = "hub_app"
    dispatcher: str = "hub_dispatcher"
    maintenance: str = "hub_maintenance"
    commerce: str = "hub_commerce"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.owner, self.application, self.dispatcher, self.maintenance, self.commerce)


ROLES = Roles()

#: No request may hold a lock, a snapshot or a place in a queue for longer than its client waits.
_TIMEOUTS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}


def create_roles(dsn: str, roles: Roles = ROLES) -> None:
    """Creates those that are missing; the owner may create schemas in this database. Needs CREATEROLE."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
        for name in roles.names:
            if name not in known:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        for role, (setting, value) in itertools.product(
            (roles.application, roles.commerce), _TIMEOUTS.items()
        ):
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(role), sql.Identifier(setting), sql.Literal(value)
                )
            )
        (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(database), sql.Identifier(roles.owner)
            )
        )
