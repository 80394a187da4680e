"""The guard before real servers: what it learns of them, and what it keeps from them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tenfold.errors import UnboundTenantError, UsageError
from tenfold.runtime import Database, bulk
from tenfold.runtime.guard import Guard

OUTREACH = Path(__file__).parents[3] / "examples" / "outreach"
#: Those that the file itself says are at fault.
AT_FAULT = {
    "message_totals_of_all_teams": "messages",
    "lead_by_email_in_any_team": "leads",
    "personas_traced": "personas",
}

MORE = """
CREATE TABLE later (id int, body text, team_id bigint DEFAULT current_setting('app.tenant_id')::bigint);
ALTER TABLE later DROP COLUMN body;
CREATE TABLE parts (id int, team_id bigint, UNIQUE (team_id, id)) PARTITION BY LIST (team_id);
CREATE TABLE part_7 PARTITION OF parts FOR VALUES IN (7);
CREATE VIEW seen AS SELECT * FROM notes;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes;
CREATE TABLE plans (id int);
CREATE SCHEMA crm;
CREATE TABLE crm.deals (id int, team_id bigint);
CREATE TABLE crm.notes (id int, team_id bigint);
CREATE TABLE crm.plans (id int, team_id bigint);
CREATE TABLE countries (code text, team_id bigint);
CREATE TABLE "Odd name" (id int, team_id bigint);
"""


@pytest.fixture
async def guarded(database: str, notes: str, driver: Any) -> AsyncIterator[Database]:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(MORE)
    async with Database(notes, driver=driver, guard=Guard("team_id", exempt=["countries"])) as db:
        yield db


async def refused(db: Database, *statements: str) -> None:
    async with db.tenant(7) as session:
        for statement in statements:
            with pytest.raises(UnboundTenantError):
                await session.fetch(statement)


async def test_what_is_refused_is_not_sent_and_the_transaction_goes_on(guarded: Database) -> None:
    async with guarded.tenant(7) as session:
        with pytest.raises(UnboundTenantError):
            await session.execute("DELETE FROM notes")
        for ask in (session.fetch, session.fetch_row, session.fetch_value, session.execute):
            with pytest.raises(UnboundTenantError):
                await ask("SELECT count(*) FROM notes WHERE team_id = $1", 8)
        assert await session.fetch_value("SELECT count(*) FROM notes WHERE team_id = $1", 7) == 10
        assert await session.fetch_value("/* across tenants: a test */ SELECT count(*) FROM notes") == 10


async def test_it_learns_every_relation_with_the_column(guarded: Database) -> None:
    await refused(
        guarded,
        "SELECT * FROM notes",
        "SELECT * FROM public.notes",
        "SELECT * FROM parts",
        "SELECT * FROM part_7",
        "SELECT * FROM seen",
        "SELECT * FROM kept",
        "SELECT * FROM crm.deals",
        "SELECT * FROM crm.notes",
        "SELECT * FROM crm.plans",
        'SELECT * FROM "Odd name"',
    )
    async with guarded.tenant(7) as session:
        for statement in (
            "SELECT count(*) FROM pg_catalog.pg_class",
            "SELECT count(*) FROM information_schema.columns",
            "SELECT to_regclass('deals')",
        ):
            await session.fetch(statement)
        guard = guarded._guard
        assert guard is not None
        # One without the column, one that is exempt, one that the search path does not reach.
        for statement in ("SELECT * FROM plans", "SELECT * FROM countries", "SELECT * FROM deals"):
            guard.check(session, statement, ())


async def test_it_learns_places_defaults_and_keys(guarded: Database) -> None:
    upsert = "ON CONFLICT ON CONSTRAINT {} DO UPDATE SET id = 1"
    guard = guarded._guard
    assert guard is not None
    async with guarded.tenant(7) as session:
        for statement in (
            "INSERT INTO notes VALUES ($2, $1, 'x')",
            # A column before it was dropped.
            "INSERT INTO later VALUES ($2, $1)",
            "INSERT INTO later (id) VALUES ($2)",
            f"INSERT INTO parts (team_id) VALUES ($1) {upsert.format('parts_team_id_id_key')}",
        ):
            guard.check(session, statement, (7, 8))
        for statement in (
            "INSERT INTO notes VALUES ($1, $2, 'x')",
            "INSERT INTO notes (id) VALUES ($2)",
            f"INSERT INTO notes (id, team_id) VALUES (1, $1) {upsert.format('notes_pkey')}",
        ):
            with pytest.raises(UnboundTenantError):
                guard.check(session, statement, (7, 8))


async def test_names_without_a_schema_mean_what_the_search_path_says(
    database: str, notes: str, role: str, driver: Any
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(MORE)
        owner.execute(sql.SQL("ALTER ROLE {} SET search_path = crm, public").format(sql.Identifier(role)))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA crm TO {}").format(sql.Identifier(role)))
    async with Database(notes, driver=driver, guard=Guard("team_id")) as db:
        await refused(db, "SELECT * FROM deals", "SELECT * FROM plans", "SELECT * FROM later")
        guard = db._guard
        assert guard is not None
        async with db.tenant(7) as session:
            guard.check(session, "SELECT * FROM public.plans", ())


async def test_a_column_that_is_not_there_is_a_mistake_in_the_name(notes: str, driver: Any) -> None:
    with pytest.raises(UsageError, match="has a column tenant"):
        await Database(notes, driver=driver, guard=Guard("tenant")).open()


async def test_in_the_mode_log_the_server_answers(
    notes: str, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    guard = Guard("team_id", mode="log")
    async with Database(notes, driver=driver, guard=guard) as db, db.tenant(7) as session:
        for _ in range(3):
            assert await session.fetch_value("SELECT count(*) FROM notes") == 10
    (message,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "sent by test_guard.py:" in message
    assert guard.statistics().at_fault == 3


async def test_bulk_statements_pass_with_the_tenant_s_rows_alone(guarded: Database) -> None:
    columns = ("id", "team_id", "body")
    async with guarded.tenant(7) as session:
        written = await bulk.insert(session, "notes", columns, [(n, 7, "new") for n in range(100, 103)])
        assert written.written == 3
        with pytest.raises(UnboundTenantError):
            await bulk.insert(session, "notes", columns, [(200, 7, "new"), (201, 8, "new")])


async def test_the_statements_of_the_example_are_judged_as_its_authors_do(database: str, driver: Any) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute((OUTREACH / "schema.sql").read_bytes())
    guard = Guard("team_id")
    async with (
        Database(database, driver=driver, guard=guard, accept_unsafe_role=True) as db,
        db.tenant(7) as session,
    ):
        found = {}
        for name, statement in workload():
            try:
                guard.check(session, statement, (7,) * 9)
            except UnboundTenantError as error:
                found[name] = error.message.partition(" ")[0]
        assert found == AT_FAULT
        assert guard.statistics().unread == 0


def workload() -> list[tuple[str, str]]:
    text = (OUTREACH / "workload.sql").read_text(encoding="utf-8")
    blocks = re.findall(r"^-- name: (\w+)\n(.*?);\s*$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 50
    return blocks
