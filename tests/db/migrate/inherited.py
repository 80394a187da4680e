"""A database with one fault of every kind that a plan settles, and what Tenfold makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from tenfold.catalog.reader import read_snapshot
from tenfold.migrate.backfill_block import backfill_block
from tenfold.migrate.plan import plan
from tenfold.model.audit import Audit
from tenfold.model.change import Change, Plan
from tenfold.model.config import Config
from tenfold.model.finding import Finding
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect
from tenfold.rules.audit import audit

SCHEMA = Path(__file__).with_name("inherited.sql").read_text(encoding="utf-8")

#: What stays when everything is undone: what was found true of every row, and an index that was repaired.
LASTING = (
    ("constraints", ("public.leads", "leads_email_check")),
    ("indexes", ("public.leads", "leads_broken")),
)


class Inherited:
    """The database of inherited.sql, and what Tenfold makes of it."""

    def __init__(self, dsn: str, role: str) -> None:
        self.dsn = dsn
        self.role = role
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
        with connect(self.dsn) as connection:
            return read_snapshot(connection)

    def described(self) -> dict[str, Any]:
        """The schema by names: what must be as before after everything was undone."""
        return _described(self.snapshot(), self.role)

    def plan(self) -> Plan:
        snapshot = self.snapshot()
        return plan(snapshot, self.audit(snapshot), self.config)

    def plan_of(self, finding: Finding) -> Plan:
        """Of this finding alone."""
        snapshot = self.snapshot()
        only = msgspec.structs.replace(self.audit(snapshot), findings=(finding,))
        return plan(snapshot, only, self.config)

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

    def close(self) -> None:
        """Roles belong to the whole server."""
        with self.connection as connection:
            for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
                connection.execute(sql.SQL(statement).format(sql.Identifier(self.role)))


def _described(snapshot: Snapshot, role: str) -> dict[str, Any]:
    relation = {each.oid: each.qualified for each in snapshot.relations}
    columns = {(each.relation, each.number): each.name for each in snapshot.columns}
    names = {each.oid: each.name.replace(role, "app") for each in snapshot.roles}
    return {
        "relations": {
            each.qualified: (each.rls_enabled, each.rls_forced, each.options, _granted(each.acl, role))
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
                tuple(names.get(oid, "public") for oid in each.roles),
                each.using,
                each.check,
                tuple(columns[each.relation, number] for number in each.columns),
            )
            for each in snapshot.policies
        },
        "triggers": sorted((relation[each.relation], each.definition) for each in snapshot.triggers),
        "functions": sorted((each.qualified, each.settings) for each in snapshot.functions),
        "role": {each.settings for each in snapshot.roles if each.name == role},
        "schemas": {each.name: _granted(each.acl, role) for each in snapshot.schemas},
        "sequences": {each.qualified: _granted(each.acl, role) for each in snapshot.sequences},
    }


def _granted(acl: tuple[str, ...] | None, role: str) -> set[str]:
    """Without the owner's own rights, which the server spells out with the first grant."""
    return {item.replace(role, "app") for item in acl or () if not item.startswith("postgres=")}


def assert_as_before(after: dict[str, Any], before: dict[str, Any]) -> None:
    """That nothing but what lasts is left of changes that were undone."""
    for part, key in LASTING:
        assert before[part].pop(key) != after[part].pop(key)
    for part, was in before.items():
        assert after[part] == was, part
