"""Rule cases as data: SQL in, findings out, and a fix that proves itself; CONTRIBUTING.md has the format."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from tenfold.catalog.reader import LISTS, read_snapshot
from tenfold.model.activity import Statement
from tenfold.model.config import Config
from tenfold.model.finding import Finding, Priority
from tenfold.model.remedy_sql import statements
from tenfold.model.snapshot import Hidden, Snapshot
from tenfold.pg.connect import Connection, execute_script
from tenfold.pg.sqlfile import parse_blocks
from tenfold.rules.audit import audit
from tenfold.rules.rule import find_rule
from tests.conftest import MORE

CASES = Path(__file__).parents[2] / "cases"
SERVERS = (15, 16, 18, *sorted(MORE))

_numbers = itertools.count()
#: Roles of cases, and those whose name advice makes of the database's.
_OTHER_RUN = re.compile(r"case\d+x\d+_|test_[0-9a-f]{12}_")


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    object: str
    detail: str | None = None
    priority: Priority | None = None


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which row to patch, by its relation's or its own name, and the fields to set."""

    set: dict[str, Any]
    relation: str | None = None
    name: str | None = None
    column: str | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    finds: list[Expected]
    sql: str = ""
    config: dict[str, Any] = {}
    workload: str = ""
    patch: dict[str, list[Row] | dict[str, Any]] = {}
    fix: bool = True
    advice: Literal["settles", "begins", "waits"] = "settles"
    servers: tuple[int, ...] = SERVERS


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: str
    cases: list[Case]


def case_files() -> list[CaseFile]:
    return [
        msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), CaseFile)
        for file in sorted(CASES.glob("*.yml"))
    ]


class Run:
    """One case on one fresh database; roles get names of their own, since they belong to the whole server."""

    def __init__(self, rule: str, case: Case, connection: Connection) -> None:
        self.rule, self.case, self.connection = rule, case, connection
        self.prefix = f"case{os.getpid()}x{next(_numbers)}_"
        self.own = (self.prefix, f"{connection.info.dbname}_")
        self.fixed = False
        execute_script(connection, self._renamed(case.sql))

    def findings(self) -> tuple[Finding, ...]:
        snapshot = self._alone(read_snapshot(self.connection))
        patch = without_dropped(snapshot, self.case.patch) if self.fixed else self.case.patch
        snapshot = patched(snapshot, patch, self.prefix)
        config = msgspec.convert(_renamed(self.case.config, self.prefix), Config)
        named = tuple(
            Statement(text=block.text, name=block.name) for block in parse_blocks(self.case.workload)
        )
        return audit(snapshot, config, workload=named, rules=[find_rule(self.rule)]).findings

    def _alone(self, snapshot: Snapshot) -> Snapshot:
        """Without the roles of cases that run on the same server meanwhile, and without their sessions."""
        others = {
            role.name: role.oid
            for role in snapshot.roles
            if _OTHER_RUN.match(role.name) and not role.name.startswith(self.own)
        }
        oids = set(others.values())
        return msgspec.structs.replace(
            snapshot,
            roles=tuple(role for role in snapshot.roles if role.oid not in oids),
            memberships=tuple(m for m in snapshot.memberships if not {m.role, m.member} & oids),
            connections=tuple(
                group
                for group in snapshot.connections
                if group.role not in others and group.database in (None, snapshot.database.name)
            ),
        )

    def fix(self, findings: tuple[Finding, ...]) -> None:
        self._execute(
            statement
            for finding in findings
            for remedy in finding.remedies
            for statement in statements(remedy)
        )

    def follow(self, findings: tuple[Finding, ...]) -> None:
        """Does what a person would who pastes the advice."""
        self._execute(statement for finding in findings for statement in finding.advice)

    def _execute(self, texts: Iterable[str]) -> None:
        self.fixed = True
        for text in texts:
            execute_script(self.connection, text)

    def spoken(self, text: str | None) -> str | None:
        """The text with roles named as the case names them."""
        return text.replace(self.prefix, "case_") if text else text

    def drop_roles(self) -> None:
        rows = self.connection.execute(
            "SELECT format('DROP OWNED BY %%I CASCADE; DROP ROLE %%I', rolname, rolname)"
            " FROM pg_roles WHERE starts_with(rolname, %s) OR starts_with(rolname, %s)",
            self.own,
        ).fetchall()
        for (text,) in rows:
            execute_script(self.connection, text)

    def _renamed(self, sql: str) -> str:
        return sql.replace("case_", self.prefix)


def patched(snapshot: Snapshot, patch: dict[str, Any], prefix: str) -> Snapshot:
    """The snapshot with rows changed or added, for what SQL cannot bring about."""
    changes: dict[str, Any] = {}
    for name, rows in patch.items():
        if isinstance(rows, dict):
            changes[name] = msgspec.structs.replace(getattr(snapshot, name), **rows)
            continue
        values = list(getattr(snapshot, name))
        for row in rows:
            _patch_row(snapshot, name, values, row, prefix)
        changes[name] = tuple(values)
    return msgspec.structs.replace(snapshot, **changes)


def without_dropped(snapshot: Snapshot, patch: dict[str, Any]) -> dict[str, Any]:
    """The patch without the rows of indexes that a fix has dropped."""
    names = {index.name for index in snapshot.indexes}
    return {
        name: [row for row in rows if row.name in names] if name == "indexes" else rows
        for name, rows in patch.items()
    }


def _patch_row(snapshot: Snapshot, name: str, values: list[Any], row: Row, prefix: str) -> None:
    struct = Hidden if name == "hidden" else Statement if name == "statements" else LISTS[name]
    fields = _renamed(row.set, prefix)
    key: dict[str, Any] = {}
    if row.relation is not None:
        (relation,) = snapshot.relations_named[row.relation]
        key["oid" if name == "relations" else "relation"] = relation.oid
        if row.column is not None:
            column = snapshot.column(relation.oid, row.column)
            assert column is not None, row.column
            key["number"] = column.number
    if row.name is not None:
        key["name"] = _renamed(row.name, prefix)
    hits = [
        at for at, value in enumerate(values) if key and all(getattr(value, k) == v for k, v in key.items())
    ]
    for at in hits:
        values[at] = msgspec.convert(msgspec.to_builtins(values[at]) | fields, struct)
    if not hits:
        values.append(msgspec.convert(_empty(struct) | key | fields, struct))


def _empty(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """A value for every field that has no default: zero, '' or nothing."""
    empty: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if field.required:
            kind = field.type
            empty[field.name] = (
                False
                if kind is bool
                else 0
                if kind is int
                else 0.0
                if kind is float
                else ""
                if kind is str
                else None
            )
    return empty


def _renamed(value: Any, prefix: str) -> Any:
    if isinstance(value, str):
        return value.replace("case_", prefix)
    if isinstance(value, dict):
        return {_renamed(key, prefix): _renamed(entry, prefix) for key, entry in value.items()}
    if isinstance(value, list):
        return [_renamed(entry, prefix) for entry in value]
    return value
