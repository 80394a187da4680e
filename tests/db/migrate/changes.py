"""Changes as a plan has them, for a database of messages of teams."""

from __future__ import annotations

from typing import Any

import psycopg

from tenfold.migrate.retry import Backoff, Limits
from tenfold.migrate.site import connector, live_fingerprint
from tenfold.model.change import Backfill, Change, Estimate, Lock, Phase, Plan
from tenfold.model.finding import Priority

SCHEMA = """
CREATE TABLE teams (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE threads (id int PRIMARY KEY, team_id int NOT NULL REFERENCES teams);
CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    thread_id int NOT NULL REFERENCES threads,
    number bigint,
    body text NOT NULL DEFAULT ''
);
INSERT INTO teams SELECT n, 'team ' || n FROM generate_series(1, 10) n;
INSERT INTO threads SELECT n, n % 10 + 1 FROM generate_series(1, 100) n;
"""

LIMITS = Limits(
    lock_timeout=0.5,
    attempts=60,
    backoff=Backoff(first=0.05, longest=0.2),
    poll=0.05,
    reconnect=30,
    batch=0.05,
)


def load(dsn: str, messages: int = 1_000) -> None:
    """The schema with so many messages, whose numbers are below 0."""
    with psycopg.connect(dsn) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "INSERT INTO messages (thread_id, number, body)"
            " SELECT n %% 100 + 1, -n, repeat('x', n %% 50) FROM generate_series(1, %s) n",
            [messages],
        )


def plan_of(dsn: str, *changes: Change) -> Plan:
    session = connector(dsn)()
    try:
        return Plan(
            fingerprint=live_fingerprint(session),
            database="test",
            server_version="test",
            made_from="2026-01-01T00:00:00Z",
            changes=changes,
        )
    finally:
        session.close()


def change(kind: Any, what: str, **fields: Any) -> Change:
    fields.setdefault("phase", Phase.INDEXES)
    fields.setdefault("priority", Priority.P1)
    fields.setdefault("object", "messages")
    fields.setdefault("lock", Lock.ACCESS_EXCLUSIVE)
    return Change(id=what, kind=kind, title=what, **fields)


def index(
    name: str = "idx_messages_number", on: str = "number", table: str = "messages", **fields: Any
) -> Change:
    return change(
        "build",
        f"create-index:{name}",
        object=table,
        done="SELECT EXISTS (SELECT FROM pg_index"
        f" WHERE indexrelid = to_regclass('public.{name}') AND indisvalid)",
        sql=(f"CREATE INDEX CONCURRENTLY {name} ON public.{table} ({on})",),
        undo=(f"DROP INDEX CONCURRENTLY public.{name}",),
        transactional=False,
        index=("public", name),
        **{"lock": Lock.SHARE_UPDATE_EXCLUSIVE, **fields},
    )


def drop_index(name: str, definition: str) -> Change:
    return change(
        "build",
        f"drop-index:{name}",
        done=f"SELECT to_regclass('public.{name}') IS NULL",
        sql=(f"DROP INDEX CONCURRENTLY public.{name}",),
        undo=(definition,),
        transactional=False,
        index=("public", name),
    )


def add_column(column: str = "team_id", **fields: Any) -> Change:
    return change(
        "statement",
        f"add-column:{column}",
        done="SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.messages')"
        f" AND attname = '{column}' AND NOT attisdropped)",
        sql=(f"ALTER TABLE public.messages ADD COLUMN {column} int",),
        undo=(f"ALTER TABLE public.messages DROP COLUMN {column}",),
        **{"phase": Phase.KEYS, **fields},
    )


def fill(batch_rows: int = 5_000, **fields: Any) -> Change:
    return change(
        "backfill",
        "fill:team_id",
        done="SELECT NOT EXISTS (SELECT FROM public.messages WHERE team_id IS NULL)",
        lock=Lock.ROW_EXCLUSIVE,
        backfill=Backfill(
            table_sql="public.messages",
            key_columns=("id",),
            update="UPDATE public.messages AS child SET team_id = parent.team_id"
            " FROM public.threads AS parent WHERE child.thread_id = parent.id AND child.team_id IS NULL",
            pending="child.team_id IS NULL",
            batch_rows=batch_rows,
        ),
        **{
            "phase": Phase.KEYS,
            "requires": ("add-column:team_id",),
            "estimate": Estimate(rows=1_000),
            **fields,
        },
    )


def trigger(**fields: Any) -> Change:
    """Fills new rows, so that a backfill comes to an end under writers that do not know the column."""
    return change(
        "statement",
        "trigger:team_id",
        done="SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'fill_team')",
        lock=Lock.SHARE_ROW_EXCLUSIVE,
        sql=(
            "CREATE FUNCTION public.fill_team() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " NEW.team_id := (SELECT team_id FROM public.threads WHERE id = NEW.thread_id);"
            " RETURN NEW; END $$",
            "CREATE TRIGGER fill_team BEFORE INSERT ON public.messages FOR EACH ROW"
            " WHEN (NEW.team_id IS NULL) EXECUTE FUNCTION public.fill_team()",
        ),
        undo=("DROP TRIGGER fill_team ON public.messages", "DROP FUNCTION public.fill_team()"),
        **{"phase": Phase.KEYS, "requires": ("add-column:team_id",), **fields},
    )


def check_not_null(**fields: Any) -> Change:
    return change(
        "statement",
        "check:team_id",
        done="SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = 'messages_team_id_not_null')",
        sql=(
            "ALTER TABLE public.messages ADD CONSTRAINT messages_team_id_not_null"
            " CHECK (team_id IS NOT NULL) NOT VALID",
        ),
        undo=("ALTER TABLE public.messages DROP CONSTRAINT messages_team_id_not_null",),
        **{"phase": Phase.KEYS, "requires": ("fill:team_id",), **fields},
    )


def validate(**fields: Any) -> Change:
    return change(
        "scan",
        "validate:team_id",
        done="SELECT EXISTS (SELECT FROM pg_constraint"
        " WHERE conname = 'messages_team_id_not_null' AND convalidated)",
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=("ALTER TABLE public.messages VALIDATE CONSTRAINT messages_team_id_not_null",),
        **{"phase": Phase.KEYS, "requires": ("check:team_id",), **fields},
    )


def enable_rls() -> Change:
    return change(
        "statement",
        "enable-rls:messages",
        phase=Phase.ISOLATION,
        done="SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('public.messages')",
        sql=("ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY",),
        undo=("ALTER TABLE public.messages DISABLE ROW LEVEL SECURITY",),
    )
