"""Takes out of a snapshot what is data rather than schema, and keeps what plans depend on.

Most common values, histogram bounds and common elements are replaced by their rank, so that number, order,
frequencies, widths and correlation stay. Labels of enums and booleans stay: they are schema. Statements lose
their constants and comments. Definitions (defaults, checks, views, policies, functions) are schema and stay.
"""

from __future__ import annotations

import re

import msgspec

from tenfold.model.activity import Statement
from tenfold.model.relations import Column, ColumnStatistics
from tenfold.model.snapshot import Snapshot

# Lexical, as in the server's scanner: dollar quotes, strings with their prefix, comments, then numbers that
# are no part of a name or of a parameter ($1).
_CONSTANT = re.compile(
    r"""(?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<escape>\b[eE]'(?:[^'\\]|\\.|'')*')
      | (?P<string>(?:\b[bBxXnNuU]&?)?'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<line>--[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<number>(?<![\w$."])\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\b)""",
    re.VERBOSE | re.DOTALL,
)


def redact_snapshot(snapshot: Snapshot) -> Snapshot:
    """The snapshot without values of rows and without constants of statements."""
    if snapshot.redacted:
        return snapshot
    return msgspec.structs.replace(
        snapshot,
        statistics=tuple(
            row if _is_schema(snapshot.column_by_number[row.relation, row.number]) else _ranks(row)
            for row in snapshot.statistics
        ),
        statements=tuple(_without_constants(statement) for statement in snapshot.statements),
        redacted=True,
    )


def strip_constants(sql: str) -> str:
    """The statement with every constant written as `?` and every comment dropped."""

    def replace(match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind == "name":
            return match.group(0)
        return " " if kind in ("line", "block") else "?"

    return _CONSTANT.sub(replace, sql)


def _is_schema(column: Column) -> bool:
    return column.type_kind == "e" or column.type == "boolean"


def _ranks(row: ColumnStatistics) -> ColumnStatistics:
    return msgspec.structs.replace(
        row,
        common_values=_rank(row.common_values),
        histogram=_rank(row.histogram),
        common_elements=_rank(row.common_elements),
    )


def _rank(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(position) for position in range(len(values)))


def _without_constants(statement: Statement) -> Statement:
    return msgspec.structs.replace(statement, text=strip_constants(statement.text))
