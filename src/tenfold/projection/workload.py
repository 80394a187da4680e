"""The queries of a forecast: from a file, from the configuration, or as pg_stat_statements recorded them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast, get_args

import msgspec

from tenfold.errors import UsageError
from tenfold.model.activity import Statement
from tenfold.model.forecast import QueryKind
from tenfold.model.snapshot import Snapshot
from tenfold.model.wording import counted
from tenfold.pg.sqlfile import parse_blocks
from tenfold.statements.text import fingerprint, kind_of, title

# What pg_stat_statements makes of `interval '7 days'`: a typed literal takes no parameter, a cast does.
_TYPED = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
    r"""|\b(?P<type>interval|date|timestamptz|timestamp|timetz|time|numeric|text|jsonb|json|uuid|inet)"""
    r"""\s+(?P<parameter>\$\d+)\b""",
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


def from_file(file: Path, snapshot: Snapshot) -> Workload:
    """The named blocks of an SQL file. Raises UsageError where it cannot be read or names no query."""
    return _named(read_blocks(file), snapshot, str(file))


def read_blocks(file: Path) -> tuple[tuple[Statement, str], ...]:
    """Each statement with its comment. Raises UsageError."""
    try:
        blocks = parse_blocks(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the queries {file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not UTF-8, or not blocks
        raise UsageError(f"{file}: {error}") from error
    if not blocks:
        raise UsageError(f"{file} has no query; put a line `-- name: NAME` above each")
    return tuple((Statement(text=block.text, name=block.name), block.description) for block in blocks)


def from_config(workload: Sequence[Statement], snapshot: Snapshot) -> Workload:
    """The statements of the configuration's workload file."""
    return _named(tuple((statement, "") for statement in workload), snapshot, "the workload file")


def from_statistics(snapshot: Snapshot, top: int) -> Workload:
    """What pg_stat_statements recorded, the most total time first. Utilities and catalog queries are not asked.

    Raises UsageError where nothing was recorded.
    """
    recorded = _recorded(snapshot)
    wanted = sorted(
        (each for each in recorded.values() if kind_of(each.text) != "utility" and not _is_catalog(each.text)),
        key=lambda each: -each.total_ms,
    )
    if not wanted:
        raise UsageError(
            "there is no query to look at: pg_stat_statements recorded none; give --queries FILE.sql"
        )
    skipped = len(recorded) - len(wanted)
    notes = []
    if skipped:
        notes.append(f"{counted(skipped, 'recorded statement')} left out: utilities and catalog queries")
    if len(wanted) > top:
        notes.append(f"the {top:,} queries that took most time, of {len(wanted):,} recorded; --top N for more")
    return Workload(tuple(_query(each, each, None) for each in wanted[:top]), tuple(notes))


def plannable(text: str) -> str:
    """The text with `interval $1` as `$1::interval`: what the server takes."""

    def cast_instead(found: re.Match[str]) -> str:
        return f"{found['parameter']}::{found['type']}" if found["parameter"] else found[0]

    return _TYPED.sub(cast_instead, text)


def _named(blocks: Sequence[tuple[Statement, str]], snapshot: Snapshot, where: str) -> Workload:
    recorded = _recorded(snapshot)
    queries = tuple(
        _query(statement, recorded.get(fingerprint(statement.text)), _told_kind(statement, comment, where))
        for statement, comment in blocks
        if kind_of(statement.text) != "utility"
    )
    skipped = len(blocks) - len(queries)
    if not queries:
        raise UsageError(f"{where} has no SELECT, INSERT, UPDATE, DELETE or MERGE to look at")
    return Workload(
        queries, (f"{counted(skipped, 'utility statement')} of {where} left out",) if skipped else ()
    )


def _told_kind(statement: Statement, comment: str, where: str) -> QueryKind | None:
    told = _TOLD_KIND.search(comment)
    if told is None:
        return None
    kinds = get_args(QueryKind)
    if told[1] not in kinds:
        raise UsageError(f"{where}: {statement.name} is told to be of kind {told[1]}; kinds are {', '.join(kinds)}")
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
