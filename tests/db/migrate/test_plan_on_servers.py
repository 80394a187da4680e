"""A plan on real servers: each change is done when it says so, and what it undoes is undone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from tenfold.catalog.reader import read_snapshot
from tenfold.migrate.backfill_block import backfill_block
from tenfold.migrate.plan import plan
from tenfold.migrate.run import State
from tenfold.model.audit import Audit
from tenfold.model.change import Change, Phase, Plan
from tenfold.model.config import Config
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect
from tenfold.pg.embedded import EmbeddedServer
from tenfold.rules.audit import audit
from tests.db.migrate.conftest import Bench

pytestmark = pytest.mark.servers(15, 16, 18)
SCHEMA = Path(__file__).with_name("inherited.sql").read_text(encoding="utf-8")

VALIDATED = ("public.leads", "leads_email_check")


class Inherited:
    """The database of inherited.sql, and what Tenfold makes of it."""

    def __init__(self, dsn: str, role: str, folder: Path) -> None:
        self.bench = Bench(dsn, folder)
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.config = msgspec.convert(
            {
                "tenancy": {"setting": "app.team_id", "application_role": role},
                "operations_per_day": {"campaigns": 50_000, "messages": 30_000, "payments": 10},
            },
            Config,
        )
        self.connection.execute(SCHEMA.replace("APP", role).encode())

    def snapshot(self) -> Snapshot:
        with connect(self.bench.dsn) as connection:
            return read_snapshot(connection)

    def plan(self) -> Plan:
        snapshot = self.snapshot()
        return plan(snapshot, self.audit(snapshot), self.config)

    def audit(self, snapshot: Snapshot) -> Audit:
        return audit(snapshot, self.config)

    def is_done(self, change: Change) -> bool:
        row = self.connection.execute(change.done.encode()).fetchone()
        assert row is not None
        assert isinstance(row[0], bool), f"{change.id}: {row[0]!r}"
        return row[0]

    def carry_out(self, change: Change) -> None:
        if change.backfill is not None:
            self._run(
                (backfill_block(msgspec.structs.replace(change.backfill, batch_rows=70)),), together=False
            )
        self._run(change.sql, together=change.transactional)

    def undo(self, change: Change) -> None:
        self._run(change.undo, together=change.transactional)

    def _run(self, statements: tuple[str, ...], *, together: bool) -> None:
        if together:
            with self.connection.transaction():
                self._run(statements, together=False)
            return
        for statement in statements:
            self.connection.execute(statement.encode())


@pytest.fixture
def inherited(server: EmbeddedServer, database: str, tmp_path: Path) -> Iterator[Inherited]:
    role = f"app_{secrets.token_hex(6)}"
    made = Inherited(database, role, tmp_path)
    yield made
    with made.connection as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def described(snapshot: Snapshot) -> dict[str, Any]:
    """The schema by names: what must be as before after everything was undone."""
    relation = {each.oid: each.qualified for each in snapshot.relations}
    columns = {(each.relation, each.number): each.name for each in snapshot.columns}
    return {
        "relations": {
            each.qualified: (each.rls_enabled, each.rls_forced, each.options, _granted(each.acl))
            for each in snapshot.relations
        },
        "columns": {
            (relation[each.relation], each.name): (each.type, each.not_null, each.statistics_target)
            for each in snapshot.columns
        },
        "indexes": {
            (relation[each.relation], each.name): (each.definition, each.valid, bool(each.parent))
            for each in snapshot.indexes
        },
        "constraints": {
            (relation[each.relation], each.name): (each.definition, each.validated)
            for each in snapshot.constraints
        },
        "policies": {
            (relation[each.relation], each.name): (
                each.command,
                each.permissive,
                each.roles,
                each.using,
                each.check,
                tuple(columns[each.relation, number] for number in each.columns),
            )
            for each in snapshot.policies
        },
        "triggers": sorted((relation[each.relation], each.definition) for each in snapshot.triggers),
        "functions": sorted((each.qualified, each.settings) for each in snapshot.functions),
        "roles": {each.name: each.settings for each in snapshot.roles},
        "schemas": {each.name: _granted(each.acl) for each in snapshot.schemas},
        "sequences": {each.qualified: _granted(each.acl) for each in snapshot.sequences},
    }


def _granted(acl: tuple[str, ...] | None) -> set[str]:
    """Without the owner's own rights, which the server spells out with the first grant."""
    return {item for item in acl or () if not item.startswith("postgres=")}


def test_every_change_is_done_when_it_was_carried_out_and_not_when_it_was_undone(
    inherited: Inherited,
) -> None:
    before = described(inherited.snapshot())
    made = inherited.plan()
    for change in made.changes:
        assert not inherited.is_done(change), change.id
        inherited.carry_out(change)
        assert inherited.is_done(change), change.id
    for change in made.changes:
        assert inherited.is_done(change), f"{change.id} was undone by a later change"
    for change in reversed(made.changes):
        inherited.undo(change)
        if change.undo:
            assert not inherited.is_done(change), change.id
    after = described(inherited.snapshot())
    # What was found true of every row stays known.
    assert after["constraints"].pop(VALIDATED) == ("CHECK ((email ~~ '%@%'::text))", True)
    assert before["constraints"].pop(VALIDATED) == ("CHECK ((email ~~ '%@%'::text)) NOT VALID", False)
    for part, was in before.items():
        assert after[part] == was, part


def test_the_plan_has_every_kind_of_change(inherited: Inherited) -> None:
    """Else the test above proves little."""
    made = inherited.plan()
    verbs = {change.id.partition(":")[0] for change in made.changes}
    expected = """
        add-column add-foreign-key attach-index backfill check-not-null create-index declare-index drop-index
        drop-constraint grant isolate revoke search-path set-not-null set-options set-role validate
        validate-not-null view-invoker
    """
    assert set(expected.split()) <= verbs
    assert {change.phase for change in made.changes} == set(Phase)
    assert {change.kind for change in made.changes} == {"statement", "build", "scan", "backfill"}


def test_a_second_plan_is_empty_and_the_audit_silent(inherited: Inherited) -> None:
    first = inherited.plan()
    run = inherited.bench.apply(first, phases=list(Phase))
    assert not run.of(State.FAILED, State.NOT_ATTEMPTED), [
        (o.change.id, o.why) for o in run.outcomes if o.why
    ]
    inherited.connection.execute("ANALYZE")
    snapshot = inherited.snapshot()
    again = inherited.audit(snapshot)
    assert [change.id for change in plan(snapshot, again, inherited.config).changes] == []
    settled = {key for change in first.changes for key in change.findings}
    assert sorted(settled & {finding.key for finding in again.findings}) == []
