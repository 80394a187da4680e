"""Many rows in few statements, and where the server refuses some: which, and by which constraint.

    result = await insert(session, "leads", ["team_id", "email"], rows, on_error="skip")
    result.written, [(fault.row, fault.constraint) for fault in result.faults]

Rows travel as arrays that `unnest` takes apart; those of a plain insert go by COPY where the session offers
it and no row-level security is in force for the role, for COPY refuses tables under it. A statement that is
refused is halved until the rows at fault are alone. No value of a row is in a fault or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from tenfold.errors import BulkError, UsageError
from tenfold.runtime.drivers import Row
from tenfold.runtime.quote import quoted_name

#: The name of a table, or its schema and its name.
TableName: TypeAlias = str | tuple[str, str]
Values: TypeAlias = Sequence[object]

ROWS_PER_STATEMENT = 5_000
MOST_FAULTS = 100

# Classes and codes of SQLSTATE that say that a row is wrong, and not the statement, the right or the server.
# 21000 is an upsert that meets a row twice; 42501, a row of another tenant, is no fault to be skipped.
_OF_A_ROW = ("22", "23", "21000", "44000", "P0001")


class BulkSession(Protocol):
    async def fetch(self, statement: str, /, *parameters: object) -> Sequence[Row]: ...
    async def fetch_value(self, statement: str, /, *parameters: object) -> Any: ...
    async def execute(self, statement: str, /, *parameters: object) -> int: ...
    def savepoint(self) -> AbstractAsyncContextManager[None]: ...


@runtime_checkable
class CopySession(Protocol):
    async def copy_records(
        self, table: tuple[str, ...], columns: Sequence[str], rows: Sequence[Values], /
    ) -> int:
        """Sends the rows by COPY into the table, named by its parts; the number of rows written."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one row was refused."""

    #: Its place among the rows that were given, from 0.
    row: int
    #: SQLSTATE; empty where the driver could not send the row at all.
    code: str
    constraint: str | None
    column: str | None

    def __str__(self) -> str:
        by = (
            f"constraint {self.constraint}"
            if self.constraint
            else f"column {self.column}" * bool(self.column)
        )
        return f"row {self.row}: {by or 'its values'}" + f" ({self.code})" * bool(self.code)


@dataclass(frozen=True, slots=True)
class BulkResult:
    #: Rows inserted or updated.
    written: int
    #: In the order of the rows; only with on_error="skip".
    faults: tuple[Fault, ...] = ()


async def insert(
    session: BulkSession,
    table: TableName,
    columns: Sequence[str],
    rows: Sequence[Values],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    most_faults: int = MOST_FAULTS,
) -> BulkResult:
    """Inserts the rows; columns that are not named take their defaults.

    Either all rows are written or, with on_error="skip", all but those at fault. Raises BulkError where rows
    are at fault, or with "skip" more than `most_faults` of them: nothing is written then. Errors that are no
    row's, such as a missing right, are the driver's own.
    """
    target = await _target(session, table, columns, rows)
    send: _Send
    if isinstance(session, CopySession) and target.copies:
        send = _Copy(session, target)
    else:
        send = _Unnest(session, target, conflict="")
    return await _written(session, send, [list(enumerate(rows))], on_error, most_faults)


async def upsert(
    session: BulkSession,
    table: TableName,
    columns: Sequence[str],
    rows: Sequence[Values],
    *,
    key: Sequence[str],
    update: Sequence[str] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    most_faults: int = MOST_FAULTS,
) -> BulkResult:
    """Inserts the rows, and updates those whose key is there already; of rows with one key, the last wins.

    `key` is a unique key of the table, among the columns. `update` names the columns to update, by default
    all others; empty, it leaves rows that are there as they are. Raises as `insert` does.
    """
    updated = [column for column in columns if column not in key] if update is None else update
    if not key or (strange := {*key, *updated}.difference(columns)):
        raise UsageError(
            f"{min(strange)} is not among the columns of the upsert" if key else "an upsert needs a key"
        )
    target = await _target(session, table, columns, rows)
    action = ", ".join(f"{quoted_name(name)} = EXCLUDED.{quoted_name(name)}" for name in updated)
    conflict = f" ON CONFLICT ({_names(key)}) DO " + (f"UPDATE SET {action}" if action else "NOTHING")
    places = [list(columns).index(name) for name in key]
    waves = list(_waves(rows, places)) if action else [list(enumerate(rows))]
    return await _written(session, _Unnest(session, target, conflict), waves, on_error, most_faults)


# --- the table ---------------------------------------------------------------------------------------

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, -1), t.typcategory = 'A',
       c.relkind IN ('r', 'p') AND NOT row_security_active(c.oid)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid = to_regclass($1)
"""


@dataclass(frozen=True, slots=True)
class _Target:
    name: tuple[str, ...]
    columns: tuple[str, ...]
    #: Without a length, so that a value that is too long is refused, and not cut by the cast.
    types: tuple[str, ...]
    arrays: tuple[bool, ...]
    #: It is a table that COPY can write to.
    copies: bool


async def _target(
    session: BulkSession, table: TableName, columns: Sequence[str], rows: Sequence[Values]
) -> _Target:
    name = (table,) if isinstance(table, str) else table
    found = {row[0]: row for row in await session.fetch(_COLUMNS, quoted_name(*name))}
    if not found:
        raise UsageError(f"there is no table {'.'.join(name)} that this role sees")
    if not columns or (strange := sorted(set(columns).difference(found))):
        raise UsageError(
            f"table {'.'.join(name)} has no column {strange[0]}"
            if columns
            else "name the columns of the rows"
        )
    for place, row in enumerate(rows):
        if len(row) != len(columns):
            raise UsageError(f"row {place} has {len(row)} values for {len(columns)} columns")
    known = [found[column] for column in columns]
    return _Target(
        name,
        tuple(columns),
        tuple(str(row[1]) for row in known),
        tuple(bool(row[2]) for row in known),
        bool(known[0][3]),
    )


# --- ways to send ------------------------------------------------------------------------------------


class _Send(Protocol):
    async def __call__(self, rows: Sequence[Values]) -> int: ...


class _Copy:
    def __init__(self, session: CopySession, target: _Target) -> None:
        self._session, self._target = session, target

    async def __call__(self, rows: Sequence[Values]) -> int:
        return await self._session.copy_records(self._target.name, self._target.columns, rows)


class _Unnest:
    def __init__(self, session: BulkSession, target: _Target, conflict: str) -> None:
        for column, array in zip(target.columns, target.arrays, strict=True):
            if array:
                raise UsageError(
                    f"column {column} is an array, which unnest would take apart; insert such rows by COPY "
                    "or by statements of their own"
                )
        self._session = session
        arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(target.types, 1))
        self._statement = (
            f"INSERT INTO {quoted_name(*target.name)} ({_names(target.columns)}) "
            f"SELECT * FROM unnest({arrays}){conflict}"
        )

    async def __call__(self, rows: Sequence[Values]) -> int:
        return await self._session.execute(self._statement, *map(list, zip(*rows, strict=True)))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted_name, columns))


# --- writing, and finding the rows at fault ----------------------------------------------------------

_Numbered: TypeAlias = Sequence[tuple[int, Values]]


def _waves(rows: Sequence[Values], key: Sequence[int]) -> Iterator[_Numbered]:
    """The rows so divided that no key comes twice in a wave, and each wave after those that it overrides."""
    waves: list[list[tuple[int, Values]]] = []
    seen: dict[tuple[object, ...], int] = {}
    for place, row in enumerate(rows):
        name = tuple(row[column] for column in key)
        wave = seen[name] = seen.get(name, -1) + 1
        if wave == len(waves):
            waves.append([])
        waves[wave].append((place, row))
    return iter(waves)


async def _written(
    session: BulkSession, send: _Send, waves: Sequence[_Numbered], on_error: str, most_faults: int
) -> BulkResult:
    faults: list[Fault] = []
    written = 0
    async with session.savepoint():
        for wave in waves:
            for start in range(0, len(wave), ROWS_PER_STATEMENT):
                part = wave[start : start + ROWS_PER_STATEMENT]
                written += await _write(session, send, part, faults, most_faults)
        if faults and (on_error == "raise" or len(faults) > most_faults):
            raise _refused(faults, most_faults)
    return BulkResult(written, tuple(sorted(faults, key=lambda fault: fault.row)))


async def _write(
    session: BulkSession, send: _Send, rows: _Numbered, faults: list[Fault], most_faults: int
) -> int:
    """Writes them all or, without those at fault, half by half; stops where there are too many of these."""
    if len(faults) > most_faults:
        return 0
    fault: Fault | None = None
    written = 0
    try:
        async with session.savepoint():
            written = await send([row for _, row in rows])
    except Exception as error:
        fault = _fault(error, rows[0][0])
        if fault is None:
            raise
    # Outside of the handler: an error raised from here would carry the driver's, and with it values.
    if fault is None:
        return written
    if len(rows) == 1:
        faults.append(fault)
        return 0
    middle = len(rows) // 2
    written = await _write(session, send, rows[:middle], faults, most_faults)
    return written + await _write(session, send, rows[middle:], faults, most_faults)


def _fault(error: BaseException, row: int) -> Fault | None:
    """What the error says of a row; None where it speaks of something else."""
    code = getattr(error, "sqlstate", None)
    if code is None:
        # A value that the driver itself cannot send as the column's type.
        unsendable = isinstance(error, ValueError | TypeError | OverflowError)
        return Fault(row, "", None, None) if unsendable or type(error).__name__ == "DataError" else None
    if not str(code).startswith(_OF_A_ROW):
        return None
    said = getattr(error, "diag", error)
    return Fault(row, str(code), getattr(said, "constraint_name", None), getattr(said, "column_name", None))


def _refused(faults: Sequence[Fault], most_faults: int) -> BulkError:
    shown = "; ".join(str(fault) for fault in faults[:5])
    if len(faults) > most_faults:
        return BulkError(f"more than {most_faults} rows were refused, and nothing was written: {shown}; ...")
    more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
    return BulkError(f"{len(faults)} rows were refused, and nothing was written: {shown}{more}")
