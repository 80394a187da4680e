"""Gives the twin what ANALYZE found for extended statistics; it stays the same at every size.

The server has no function that takes it. Numbers of distinct values and dependencies are written in the
server's own binary form. A list of common combinations holds values of any type: ANALYZE makes one of a small
table that has each of them once, and their frequencies are put in its place. Statistics of expressions are
restored as those of that table's columns, and copied from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tenfold.errors import TwinError
from tenfold.model.ddl import identifier, qualified
from tenfold.model.relations import ColumnStatistics, ExtendedStatistics, ExtendedStatisticsData
from tenfold.model.snapshot import Snapshot
from tenfold.model.twin import NotCarried
from tenfold.twin.extended_bytes import dependencies_bytes, mcv_with, n_distinct_bytes
from tenfold.twin.load import statistics_row
from tenfold.twin.names import TWIN_SCHEMA
from tenfold.twin.session import TwinSession

_NAME = "surrogate"
_SURROGATE = qualified(TWIN_SCHEMA, _NAME)
#: Most combinations that a list can have: MAX_STATISTICS_TARGET.
_MOST = 10_000


class _Object(NamedTuple):
    """One CREATE STATISTICS of the twin."""

    oid: int
    relation: str
    columns: list[str]
    expressions: list[str]

    @property
    def terms(self) -> list[str]:
        """Its columns and expressions in the order in which the server keeps their values."""
        return [*map(identifier, self.columns), *(f"({expression})" for expression in self.expressions)]


def load_extended_statistics(session: TwinSession, snapshot: Snapshot) -> list[NotCarried]:
    """All of the snapshot; what the server would not take."""
    if not snapshot.extended_statistics_data:
        return []
    session.named("make_incoming")
    objects = {(schema, name): _Object(*rest) for schema, name, *rest in session.named("statistics_objects")}
    by_oid = {statistics.oid: statistics for statistics in snapshot.extended_statistics}
    refused = []
    for data in snapshot.extended_statistics_data:
        statistics = by_oid.get(data.statistics)
        made = objects.get((statistics.schema, statistics.name)) if statistics is not None else None
        if statistics is None or made is None:
            continue
        reason = _load(session, snapshot, statistics, data, made)
        if reason is not None:
            name = qualified(statistics.schema, statistics.name)
            refused.append(NotCarried(f"data of statistics {name}", reason))
    return refused


def _load(
    session: TwinSession,
    snapshot: Snapshot,
    statistics: ExtendedStatistics,
    data: ExtendedStatisticsData,
    made: _Object,
) -> str | None:
    numbers = {
        column.number: position
        for position, column in enumerate(snapshot.columns_of(statistics.relation), start=1)
    }
    rows = [
        row
        for row in snapshot.expression_statistics
        if row.relation == data.statistics and row.inherited == data.inherited
    ]
    # The planner takes it that an array of them has one for each.
    rows = rows if len(rows) == len(made.expressions) else []
    try:
        if data.common_values or rows:
            _make_surrogate(session, made)
        session.named(
            "insert_extended_statistics",
            oid=made.oid,
            inherited=data.inherited,
            n_distinct=n_distinct_bytes(data.n_distinct, numbers) if data.n_distinct else None,
            dependencies=dependencies_bytes(data.dependencies, numbers) if data.dependencies else None,
            common=_common(session, data, made) if data.common_values else None,
        )
        if rows:
            _load_expressions(session, made, rows, inherited=data.inherited)
    except TwinError as error:
        return error.message
    finally:
        session.script(f"DROP TABLE IF EXISTS {_SURROGATE}")
    return None


def _make_surrogate(session: TwinSession, made: _Object) -> None:
    """An empty table with a column of the type and collation of each term."""
    terms = ", ".join(f"{term} AS c{number}" for number, term in enumerate(made.terms, start=1))
    _require(session, f"CREATE TABLE {_SURROGATE} AS SELECT {terms} FROM {made.relation} WITH NO DATA")


def _common(session: TwinSession, data: ExtendedStatisticsData, made: _Object) -> bytes:
    width = len(made.terms)
    values = data.common_values or ()
    combinations = [values[start : start + width] for start in range(0, len(values), width)]
    session.copy(_SURROGATE, combinations)
    columns = ", ".join(f"c{number}" for number in range(1, width + 1))
    _require(session, f"CREATE STATISTICS {_SURROGATE} (mcv) ON {columns} FROM {_SURROGATE}")
    _require(session, f"ALTER STATISTICS {_SURROGATE} SET STATISTICS {_MOST}; ANALYZE {_SURROGATE}")
    # The server may write a value in another way than the source did: a time in its own zone.
    written = [
        tuple(row)
        for (row,) in session.rows(f"SELECT ARRAY[{_texts(width)}] FROM {_SURROGATE} ORDER BY ctid")
    ]
    frequencies = dict(
        zip(
            written,
            zip(data.common_frequencies or (), data.common_base_frequencies or (), strict=True),
            strict=True,
        )
    )
    ((mcv,),) = session.named("made_common_combinations", name=_NAME)
    items = [tuple(row) for (row,) in session.named("items_of_common_combinations", name=_NAME)]
    return mcv_with(mcv, width, [frequencies[item] for item in items])


def _texts(width: int) -> str:
    # As the type's output function writes it, not as a cast to text would: `t`, not `true`.
    columns = [f"c{number}" for number in range(1, width + 1)]
    return ", ".join(
        f"CASE WHEN {name} IS DISTINCT FROM NULL THEN format('%s', {name}) END" for name in columns
    )


def _load_expressions(
    session: TwinSession, made: _Object, rows: Iterable[ColumnStatistics], *, inherited: bool
) -> None:
    session.named("forget_statistics_of", name=_NAME)
    first = len(made.columns)
    incoming = [statistics_row(row, TWIN_SCHEMA, _NAME, f"c{first + row.number}") for row in rows]
    # The surrogate has no children, whatever the table has.
    session.copy("incoming", [(*row[:4], False, *row[5:]) for row in incoming])
    session.named("restore_statistics")
    session.named("empty_incoming")
    session.named("set_expression_statistics", oid=made.oid, inherited=inherited, name=_NAME)


def _require(session: TwinSession, statements: str) -> None:
    if (refused := session.script(statements)) is not None:
        raise TwinError(refused)
