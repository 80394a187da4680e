"""Subjects made by hand, for what is decided from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from tenfold.model.activity import ConnectionGroup, Database, Server, Setting, Statement, TableActivity
from tenfold.model.config import Config
from tenfold.model.relations import Column, Constraint, ConstraintKind, Index, Policy, Relation
from tenfold.model.roles import Role
from tenfold.model.snapshot import Extension, Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.rules.subject import Subject

NOW = "2025-03-10 12:00:00+00:00"
SERVER = Server(
    version_number=180_000,
    version="18.0",
    now=NOW,
    started="2025-01-01 00:00:00+00:00",
    in_recovery=False,
    reader="auditor",
    reader_superuser=False,
    reader_reads_statistics=True,
)
DATABASE = Database(
    oid=5,
    name="outreach",
    owner=10,
    encoding="UTF8",
    collation="C.UTF-8",
    size_bytes=8_000_000,
    xid_age=1_000,
    multixact_age=1,
    commits=1,
    rollbacks=0,
    blocks_hit=1,
    blocks_read=0,
    temp_files=0,
    temp_bytes=0,
    deadlocks=0,
    sessions=1,
    statistics_reset="2025-03-01 12:00:00+00:00",
)
# Of pg_type.dat.
TYPE_OIDS = {
    "bigint": 20,
    "integer": 23,
    "smallint": 21,
    "text": 25,
    "character varying": 1043,
    "uuid": 2950,
    "numeric": 1700,
}
PG_STAT_STATEMENTS = {
    "extensions": (Extension(oid=90, name="pg_stat_statements", version="1.12", schema="public"),),
}


def subject(
    *,
    settings: Mapping[str, str | Setting] = MappingProxyType({}),
    tenancy: Tenancy = Tenancy(),  # noqa: B008 - frozen
    config: Config = Config(),
    **fields: Any,
) -> Subject:
    """A subject of `Snapshot` fields; settings by name, with their value or whole."""
    given = tuple(
        setting(name, value) if isinstance(value, str) else value for name, value in settings.items()
    )
    snapshot: dict[str, Any] = {"server": SERVER, "database": DATABASE, "settings": given} | fields
    return Subject(snapshot=Snapshot(**snapshot), tenancy=tenancy, config=config)


def server(**fields: Any) -> Server:
    return msgspec.structs.replace(SERVER, **fields)


def database(**fields: Any) -> Database:
    return msgspec.structs.replace(DATABASE, **fields)


def setting(name: str, value: str, source: str = "default", unit: str | None = None) -> Setting:
    return Setting(name=name, value=value, unit=unit, source=source, boot_value=None)


def table(oid: int, name: str | None = None, **fields: Any) -> Relation:
    given: dict[str, Any] = {
        "schema": "public",
        "name": name or f"t{oid}",
        "kind": "r",
        "persistence": "p",
        "owner": 10,
        "rows": 0.0,
        "pages": 0,
        "all_visible_pages": 0,
    }
    return Relation(oid=oid, **(given | fields))


def column(relation: int, number: int, name: str, type: str = "bigint", **fields: Any) -> Column:
    given: dict[str, Any] = {
        "type_oid": TYPE_OIDS.get(type.partition("(")[0], 90_000),
        "type_kind": "b",
        "type_category": "U",
        "not_null": True,
    }
    return Column(relation=relation, number=number, name=name, type=type, **(given | fields))


def index(relation: int, *columns: int, key_count: int | None = None, **fields: Any) -> Index:
    """A valid B-tree of default operator classes over all rows."""
    keys = len(columns) if key_count is None else key_count
    given: dict[str, Any] = {
        "oid": 50_000 + relation,
        "name": f"index_of_{relation}",
        "method": "btree",
        "opclasses": (1,) * keys,
        "option_bits": (0,) * keys,
        "collations": (0,) * keys,
        "unique": False,
        "primary": False,
        "exclusion": False,
        "valid": True,
        "ready": True,
        "definition": "",
        "pages": 1,
        "tuples": 0.0,
    }
    return Index(relation=relation, columns=columns, key_count=keys, **(given | fields))


def constraint(relation: int, kind: ConstraintKind, *columns: int, **fields: Any) -> Constraint:
    given: dict[str, Any] = {
        "oid": 60_000 + relation,
        "name": f"constraint_of_{relation}",
        "validated": True,
        "definition": "",
    }
    return Constraint(relation=relation, kind=kind, columns=columns, **(given | fields))


def policy(relation: int, using: str | None, **fields: Any) -> Policy:
    """A permissive policy of everybody, for all commands."""
    given: dict[str, Any] = {
        "oid": 70_000 + relation,
        "name": f"policy_of_{relation}",
        "command": "*",
        "permissive": True,
        "roles": (0,),
    }
    return Policy(relation=relation, using=using, **(given | fields))


def activity(relation: int, **fields: int | str) -> TableActivity:
    counters = dict.fromkeys(
        (
            "sequential_scans",
            "sequential_rows",
            "index_scans",
            "index_rows",
            "inserted",
            "updated",
            "deleted",
            "hot_updated",
            "live_rows",
            "dead_rows",
            "modified_since_analyze",
        ),
        0,
    )
    return TableActivity(relation=relation, **(counters | fields))


def statement(text: str = "SELECT $1", **fields: Any) -> Statement:
    return Statement(text=text, **fields)


def connections(count: int, **fields: Any) -> ConnectionGroup:
    given: dict[str, Any] = {"role": "app", "application": "web", "database": "outreach", "state": "idle"}
    return ConnectionGroup(count=count, **(given | fields))


def role(oid: int, name: str, *settings: str, **fields: Any) -> Role:
    given: dict[str, Any] = dict.fromkeys(
        ("superuser", "bypass_rls", "create_role", "create_db", "replication"), False
    ) | {"can_login": True, "inherit": True}
    return Role(oid=oid, name=name, settings=settings or None, **(given | fields))
