"""Many rows in few statements, and where the server refuses some: which, and by which constraint.

    result = await insert(session, "leads", ["team_id", "email"], rows, on_error="skip")
    result.written, [(fault.row, fault.constraint) for fault in result.faults]

Rows travel as arrays that `unnest` takes apart, or by COPY where the session offers it, the call is a plain
insert, and no row-level security is in force for the role: COPY refuses tables under it. Where a statement is refused, it is
halved until the rows at fault are alone. No value of a row is in a message, a fault or an error's cause.
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
        by = f"constraint {self.constraint}" if self.constraint else f"column {self.column}" * bool(self.column)
        return f"row {self.row}: {by or 'its values'}" + f" ({self.code})" * bool(self.code)


@dataclass(frozen=True, slots=True)
class BulkResult:
    #: Rows inserted or updated.
    written: int
    #: In the order of the rows; only with on_error="skip".
    faults: tuple[Fault, ...] = ()
