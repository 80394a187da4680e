"""The tables of an outbox, and who may do what with them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from tenfold.errors import UsageError
from tenfold.runtime.quote import quoted_name, setting_name

#: Lanes of each topic: at most as many dispatchers share a topic.
LANES = 16
#: Bytes of a topic and of a key, which are parts of an index.
LONGEST_NAME = 500

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,50}\Z")


@dataclass(frozen=True, slots=True)
class Names:
    """How the tables are named, quoted."""

    schema: str
    tenant: str
    #: The type of the tenant column: bigint or uuid.
    tenant_type: str

    @classmethod
    def of(cls, schema: str, tenant_column: str, tenant_type: type[uuid.UUID] | type[int]) -> Names:
        """Raises UsageError."""
        for name in (schema, tenant_column):
            if not _IDENTIFIER.match(name):
                raise UsageError(
                    f"{name!r} is no name here: letters, digits and underscores, at most 51 of them"
                )
        if tenant_type not in (uuid.UUID, int):
            raise UsageError("tenant_type is uuid.UUID or int")
        return cls(schema, quoted_name(tenant_column), "bigint" if tenant_type is int else "uuid")

    def table(self, name: str) -> str:
        return quoted_name(self.schema, name)


def create_sql(
    *,
    application_role: str,
    dispatcher_role: str,
    schema: str = "outbox",
    tenant_column: str = "tenant_id",
    tenant_type: type[uuid.UUID] | type[int] = int,
    setting: str = "app.tenant_id",
    lanes: int = LANES,
) -> list[str]:
    """The statements for a migration; the schema, its tables, policies and grants. Both roles exist already.

    The application's role adds events of its own tenant, and reads none, not even its own. The dispatcher's
    role reads and deletes those of all tenants, by policies of this schema: it is no superuser, has no
    BYPASSRLS, and sees nothing else.
    """
    if application_role == dispatcher_role:
        raise UsageError("the dispatcher has a role of its own: it reads the events of all tenants")
    if not 1 <= lanes <= 1024:
        raise UsageError("an outbox has from 1 to 1024 lanes")
    names = Names.of(schema, tenant_column, tenant_type)
    application, dispatcher = quoted_name(application_role), quoted_name(dispatcher_role)
    return [
        f"CREATE SCHEMA {quoted_name(schema)}",
        *_tables(names, lanes),
        *_policies(names, setting_name(setting), application, dispatcher),
        *_grants(names, application, dispatcher),
    ]


def _tables(names: Names, lanes: int) -> list[str]:
    tenant, type_ = names.tenant, names.tenant_type
    seed = tenant if type_ == "bigint" else f"uuid_hash_extended({tenant}, 0)"
    return [
        # CACHE 1: an id is drawn when its row is written, never before; the order of a key hangs on it.
        # The table is emptied as fast as it is filled: it is vacuumed by a fixed number of rows, and never
        # shortened, which would lock publishers out.
        f"""CREATE TABLE {names.table("events")} (
    id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    event uuid NOT NULL,
    {tenant} {type_} NOT NULL,
    topic text NOT NULL CHECK (octet_length(topic) <= {LONGEST_NAME}),
    key text NOT NULL CHECK (octet_length(key) <= {LONGEST_NAME}),
    lane smallint NOT NULL GENERATED ALWAYS AS (abs(hashtextextended(key, {seed}) % {lanes})) STORED,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, vacuum_truncate = false)""",
        f"CREATE INDEX events_of_lane ON {names.table('events')} (topic, lane, id)",
        f"CREATE INDEX events_of_key ON {names.table('events')} ({tenant}, topic, key, id)",
        f"""CREATE TABLE {names.table("retries")} (
    {tenant} {type_} NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    lane smallint NOT NULL,
    event_id bigint NOT NULL,
    attempts integer NOT NULL,
    due_at timestamptz NOT NULL,
    error text NOT NULL,
    PRIMARY KEY ({tenant}, topic, key)
)""",
        f"CREATE INDEX retries_due ON {names.table('retries')} (topic, lane, due_at)",
        f"""CREATE TABLE {names.table("dead")} (
    id bigint PRIMARY KEY,
    event uuid NOT NULL,
    {tenant} {type_} NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    error text NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp()
)""",
        f"CREATE INDEX dead_of_key ON {names.table('dead')} ({tenant}, topic, key, id)",
        f"""CREATE TABLE {names.table("inbox")} (
    {tenant} {type_} NOT NULL,
    consumer text NOT NULL,
    event uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ({tenant}, consumer, event)
)""",
        f"CREATE INDEX inbox_seen_at ON {names.table('inbox')} USING brin (seen_at)",
        f"""CREATE TABLE {names.table("dispatchers")} (
    id uuid PRIMARY KEY,
    topics text[] NOT NULL,
    expires_at timestamptz NOT NULL
)""",
        f"""CREATE TABLE {names.table("lanes")} (
    topic text NOT NULL,
    lane smallint NOT NULL,
    holder uuid REFERENCES {names.table("dispatchers")} ON DELETE SET NULL,
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, lane)
)""",
        f"CREATE INDEX lanes_of_holder ON {names.table('lanes')} (holder)",
        f"CREATE FUNCTION {names.table('lane_count')}() RETURNS integer LANGUAGE sql IMMUTABLE"
        f" AS 'SELECT {lanes}'",
    ]


def _policies(names: Names, setting: str, application: str, dispatcher: str) -> list[str]:
    own = f"{names.tenant} = (SELECT NULLIF(current_setting('{setting}', true), '')::{names.tenant_type})"
    statements = []
    for name in ("events", "retries", "dead", "inbox"):
        table = names.table(name)
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY dispatches ON {table} TO {dispatcher} USING (true) WITH CHECK (true)",
        ]
    return statements + [
        f"CREATE POLICY of_tenant ON {names.table(name)} FOR INSERT TO {application} WITH CHECK ({own})"
        for name in ("events", "inbox")
    ]


def _grants(names: Names, application: str, dispatcher: str) -> list[str]:
    # An identity column draws its numbers without a right to the sequence, which would tell of other tenants.
    written = f"event, {names.tenant}, topic, key, payload"
    return [
        f"GRANT USAGE ON SCHEMA {quoted_name(names.schema)} TO {application}, {dispatcher}",
        f"GRANT INSERT ({written}) ON {names.table('events')} TO {application}",
        f"GRANT INSERT ({names.tenant}, consumer, event) ON {names.table('inbox')} TO {application}",
        f"GRANT SELECT, DELETE, INSERT ({written}, created_at) ON {names.table('events')} TO {dispatcher}",
        f"GRANT SELECT, INSERT, DELETE ON {names.table('dead')} TO {dispatcher}",
        f"GRANT SELECT, DELETE ON {names.table('inbox')} TO {dispatcher}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {names.table('retries')}, {names.table('dispatchers')},"
        f" {names.table('lanes')} TO {dispatcher}",
    ]
