"""Reads a Snapshot from a live database: a fixed number of set-based queries in one read-only transaction.

What the role may not see becomes a `Hidden` entry, never silence. Nobody's right beyond CONNECT is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tenfold.catalog.build import build
from tenfold.catalog.constants import is_planned, strip_constants
from tenfold.errors import CatalogChangedError, LockTimeoutError, SourceError
from tenfold.model.activity import (
    ConnectionGroup,
    Database,
    IndexBuild,
    Replica,
    ReplicationSlot,
    Server,
    Setting,
    Statement,
    TableActivity,
)
from tenfold.model.relations import (
    Collation,
    Column,
    ColumnStatistics,
    Constraint,
    ExtendedStatistics,
    ExtendedStatisticsData,
    Index,
    Inheritance,
    OperatorClass,
    Policy,
    Relation,
    Schema,
    Sequence,
    Trigger,
    Type,
    View,
)
from tenfold.model.roles import DefaultPrivilege, Function, Membership, Operator, Role
from tenfold.model.snapshot import Extension, Hidden, Sight, Snapshot
from tenfold.pg.connect import STATEMENT_TIMEOUT, Connection, read_transaction
from tenfold.pg.session import CatalogSession

#: Snapshot field -> struct, for every list that one query fills.
LISTS: dict[str, type[msgspec.Struct]] = {
    "schemas": Schema,
    "relations": Relation,
    "inheritance": Inheritance,
    "columns": Column,
    "statistics": ColumnStatistics,
    "extended_statistics": ExtendedStatistics,
    "extended_statistics_data": ExtendedStatisticsData,
    "expression_statistics": ColumnStatistics,
    "indexes": Index,
    "operator_classes": OperatorClass,
    "operators": Operator,
    "constraints": Constraint,
    "policies": Policy,
    "views": View,
    "triggers": Trigger,
    "sequences": Sequence,
    "types": Type,
    "collations": Collation,
    "functions": Function,
    "roles": Role,
    "memberships": Membership,
    "default_privileges": DefaultPrivilege,
    "extensions": Extension,
    "settings": Setting,
    "table_activity": TableActivity,
    "connections": ConnectionGroup,
    "replicas": Replica,
    "replication_slots": ReplicationSlot,
    "index_builds": IndexBuild,
}

Progress = Callable[[str], None]

#: Read last: for their text or position the server locks the tables that they name, to the transaction's end.
_LOCKING = ("policies", "functions", "views", "sequences")

#: What the server writes of an object; None where somebody has dropped it since our picture was taken.
_WRITTEN = {
    "indexes": "definition",
    "constraints": "definition",
    "triggers": "definition",
    "extended_statistics": "definition",
    "functions": "arguments",
}

#: How often to begin anew where somebody's DDL gets in the way.
_ATTEMPTS = 3

_LOCKED_AWAY: tuple[Sight, ...] = ("sizes", "definitions")


def read_snapshot(
    connection: Connection,
    progress: Progress | None = None,
    *,
    statement_timeout: float = STATEMENT_TIMEOUT,
) -> Snapshot:
    """The database that the connection is in, as this role may see it.

    `progress` is told the name of each list before it is read. Raises StatementTimeoutError where the server
    is too slow for the timeout, and LockTimeoutError or CatalogChangedError where DDL of others gets in the
    way again and again.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _read(connection, progress, statement_timeout)
        except (LockTimeoutError, CatalogChangedError):
            # A lock was taken after our look at pg_locks, or an object dropped: the next try sees that.
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("every attempt returns or raises")


def fetch_raw(connection: Connection) -> int:
    """Fetches the rows of every list and builds nothing: the limit that `tenfold bench audit` measures by.

    Returns how many rows there were.
    """
    with read_transaction(connection):
        session = CatalogSession(connection, __package__ or "tenfold.catalog")
        return sum(len(session.rows(name, {"locked": []})) for name in LISTS)


def _read(connection: Connection, progress: Progress | None, statement_timeout: float) -> Snapshot:
    with read_transaction(connection, statement_timeout=statement_timeout):
        session = CatalogSession(connection, __package__ or "tenfold.catalog", progress)
        (server_row,) = session.rows("server")
        server = Server(*server_row)
        identifier = session.optional_rows("system_identifier")
        if not isinstance(identifier, str):
            server = msgspec.structs.replace(server, system_identifier=identifier[0][0])
        databases = build(Database, session.rows("database"))
        if not databases:
            raise SourceError("the database was dropped while it was read")
        locked = [row[0] for row in session.rows("locked")]
        lists = _lists(session, [name for name in LISTS if name not in _LOCKING], locked)
        hidden = [
            *_hidden_statistics(session),
            *_hidden_sequences(session),
            *_hidden_from_role(server, lists["settings"], session),
        ]
        statements = _statements(session, lists["extensions"], hidden)
        lists |= _lists(session, _LOCKING, locked)
        _require_whole(lists)
        hidden += _hidden_by_locks(frozenset(locked), lists)
        return Snapshot(
            server=server, database=databases[0], statements=statements, hidden=tuple(hidden), **lists
        )


def _lists(session: CatalogSession, names: Iterable[str], locked: list[int]) -> dict[str, Any]:
    return {name: build(LISTS[name], session.rows(name, {"locked": locked})) for name in names}


def _require_whole(lists: dict[str, Any]) -> None:
    for name, field in _WRITTEN.items():
        if any(getattr(row, field) is None for row in lists[name]):
            raise CatalogChangedError()


def _hidden_from_role(
    server: Server, settings: tuple[Setting, ...], session: CatalogSession
) -> Iterable[Hidden]:
    if not server.reader_reads_statistics:
        yield Hidden("connections", f"role {server.reader} is no member of pg_read_all_stats")
    if session.rows("hidden_index_builds")[0][0]:
        yield Hidden(
            "index_builds",
            f"an index is being built; role {server.reader} is no member of pg_read_all_stats to see which",
        )
    # A setting that only superusers may see is left out of pg_settings; this one every server has.
    if not any(setting.name == "data_directory" for setting in settings):
        yield Hidden("settings", f"role {server.reader} is no member of pg_read_all_settings")


def _hidden_statistics(session: CatalogSession) -> list[Hidden]:
    return [
        Hidden(
            "statistics",
            "row-level security binds the reading role" if bound else "the reading role has no SELECT",
            relation,
        )
        for relation, bound in session.rows("hidden_statistics")
    ]


def _hidden_sequences(session: CatalogSession) -> list[Hidden]:
    return [
        Hidden("sequences", "the reading role has neither SELECT nor USAGE", sequence)
        for (sequence,) in session.rows("hidden_sequences")
    ]


def _hidden_by_locks(locked: frozenset[int], lists: dict[str, Any]) -> Iterable[Hidden]:
    known = {relation.oid for relation in lists["relations"]}
    for relation in sorted(locked & known):
        for what in _LOCKED_AWAY:
            yield Hidden(what, "somebody holds or wants it under ACCESS EXCLUSIVE", relation)
    # Text that names a locked table was not asked for either.
    depending = {policy.relation for policy in lists["policies"] if locked.intersection(policy.relations)}
    depending |= {view.relation for view in lists["views"] if locked.intersection(view.reads)}
    for relation in sorted(depending - locked):
        yield Hidden("definitions", "they name a table that somebody holds under ACCESS EXCLUSIVE", relation)


def _statements(
    session: CatalogSession, extensions: tuple[Extension, ...], hidden: list[Hidden]
) -> tuple[Statement, ...]:
    installed = next((entry for entry in extensions if entry.name == "pg_stat_statements"), None)
    if installed is None:
        return ()
    if _version(installed.version) < (1, 8):
        hidden.append(
            Hidden(
                "statements",
                f"pg_stat_statements is at {installed.version}; ALTER EXTENSION pg_stat_statements UPDATE",
            )
        )
        return ()
    rows = session.optional_rows(
        "statements", {"pg_stat_statements": (installed.schema, "pg_stat_statements")}
    )
    if isinstance(rows, str):
        hidden.append(Hidden("statements", rows))
        return ()
    if any(row[0] == "<insufficient privilege>" for row in rows):
        hidden.append(Hidden("statements", "the reading role is no member of pg_read_all_stats"))
        rows = [row for row in rows if row[0] != "<insufficient privilege>"]
    return build(Statement, [(_discreet(row[0]), *row[1:]) for row in rows])


def _discreet(text: str) -> str:
    """The server keeps utility statements as they were typed, `ALTER ROLE app PASSWORD '...'` among them."""
    return text if is_planned(text) else strip_constants(text)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
