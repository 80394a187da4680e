"""The queries of a forecast: from a file, from the configuration, or as pg_stat_statements recorded them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast, get_args

import msgspec

from tenfold.errors import UsageError
from tenfold.model.activity import Statement
from tenfold.model.forecast import QueryKind
from tenfold.model.snapshot import Snapshot
from tenfold.model.wording import counted
from tenfold.pg import sqlfile
from tenfold.statements.text import fingerprint, kind_of, title

# What pg_stat_statements makes of `interval '7 days'` and `extract(day FROM a)`: a typed literal and a field
# take no parameter, a cast and an argument do. Strings, quoted names and comments are passed over.
_TYPED = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"""|\bextract\s*\(\s*(?P<field>\$\d+)\s+from\b"""
    r"""|\b(?P<type>interval|date|timestamptz|timetz|(?:timestamp|time)(?:\s+with(?:out)?\s+time\s+zone)?"""
    r"""|numeric|text|jsonb|json|uuid|inet)\s+(?P<parameter>\$\d+)\b""",
    re.DOTALL | re.IGNORECASE,
)
_TOLD_KIND = re.compile(r"\bkind:\s*(\w+)")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One statement to look at, as the twin is asked for it."""

    name: str
    #: As it was given, with `$n` parameters or none.
    text: str
    #: Told in the file, by `-- kind: realtime` below the name; else found out.
    kind: QueryKind | None = None
    calls: int = 0
    mean_ms: float | None = None
    total_ms: float = 0.0


class Workload(msgspec.Struct, frozen=True):
    queries: tuple[Query, ...]
    notes: tuple[str, ...] = ()


class Block(NamedTuple):
    """A statement of a file, and the comment below its name."""

    statement: Statement
    comment: str = ""


def read_blocks(file: Path) -> tuple[Block, ...]:
    """The named blocks of an SQL file. Raises UsageError where it cannot be read or names no query."""
    return tuple(
        Block(Statement(text=block.text, name=block.name), block.description)
        for block in sqlfile.read_blocks(file)
    )


def from_blocks(blocks: Sequence[Block], snapshot: Snapshot, where: str) -> Workload:
    """The statements of a file, with the calls and times that were recorded of them.

    Raises UsageError where none is left that could be planned, or a kind is told that there is not.
    """
    recorded = _recorded(snapshot)
    queries = tuple(
        _query(block.statement, recorded.get(fingerprint(block.statement.text)), _told_kind(block, where))
        for block in blocks
        if kind_of(block.statement.text) != "utility"
    )
    skipped = len(blocks) - len(queries)
    if not queries:
        raise UsageError(f"{where} has no SELECT, INSERT, UPDATE, DELETE or MERGE to look at")
    note = f"{counted(skipped, 'utility statement')} of {where} left out"
    return Workload(queries, (note,) if skipped else ())


def from_statistics(snapshot: Snapshot, top: int) -> Workload:
    """What pg_stat_statements recorded, the most total time first; no utilities, no catalog queries.

    Raises UsageError where nothing was recorded.
    """
    recorded = _recorded(snapshot)
    wanted = [each for each in recorded.values() if kind_of(each.text) != "utility"]
    wanted = sorted((each for each in wanted if not _is_catalog(each.text)), key=lambda each: -each.total_ms)
    if not wanted:
        raise UsageError(
            "there is no query to look at: pg_stat_statements recorded none; give --queries FILE.sql"
        )
    skipped = len(recorded) - len(wanted)
    notes = []
    if skipped:
        notes.append(f"{counted(skipped, 'recorded statement')} left out: utilities and catalog queries")
    if len(wanted) > top:
        notes.append(f"the {top:,} queries with most time, of {len(wanted):,} recorded; --top N for more")
    return Workload(tuple(_query(each, each, None) for each in wanted[:top]), tuple(notes))


def plannable(text: str) -> str:
    """The text as the server takes it: `$1::interval` for `interval $1`."""
    return _TYPED.sub(_instead, text)


def _instead(found: re.Match[str]) -> str:
    if found["field"]:
        return f"date_part({found['field']}, "
    return f"{found['parameter']}::{found['type']}" if found["parameter"] else found[0]


def _told_kind(block: Block, where: str) -> QueryKind | None:
    told = _TOLD_KIND.search(block.comment)
    if told is None:
        return None
    kinds = get_args(QueryKind)
    if told[1] not in kinds:
        raise UsageError(
            f"{where}: {block.statement.name} is told to be of kind {told[1]}; kinds are {', '.join(kinds)}"
        )
    return cast(QueryKind, told[1])


def _query(statement: Statement, recorded: Statement | None, kind: QueryKind | None) -> Query:
    has_time = recorded is not None and recorded.calls > 0 and recorded.mean_ms > 0
    return Query(
        name=title(statement),
        text=statement.text,
        kind=kind,
        calls=recorded.calls if recorded else 0,
        mean_ms=recorded.mean_ms if recorded and has_time else None,
        total_ms=recorded.total_ms if recorded else 0.0,
    )


def _recorded(snapshot: Snapshot) -> dict[str, Statement]:
    """By fingerprint; what is kept for each role and level as one."""
    alike: defaultdict[str, list[Statement]] = defaultdict(list)
    for statement in snapshot.statements:
        alike[fingerprint(statement.text)].append(statement)
    return {key: _merged(rows) for key, rows in alike.items()}


def _merged(rows: Iterable[Statement]) -> Statement:
    each = list(rows)
    calls, total = sum(row.calls for row in each), sum(row.total_ms for row in each)
    return msgspec.structs.replace(
        each[0], calls=calls, total_ms=total, mean_ms=total / calls if calls else 0.0
    )


def _is_catalog(text: str) -> bool:
    return re.search(r"\b(?:pg_catalog\.|pg_stat_|information_schema\.|pg_class\b)", text) is not None
