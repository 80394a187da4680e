"""One refresh: in one transaction, one at a time in all processes, of rows that no policy thins out."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from tenfold.errors import DatabaseUnavailableError, ReadModelError, TenfoldError, UsageError
from tenfold.runtime.database import Database
from tenfold.runtime.drivers import Connection
from tenfold.runtime.read_models.check import shown_all_by_policies
from tenfold.runtime.read_models.model import ReadModel
from tenfold.runtime.read_models.record import record_failure, record_success, require_as_declared, state_of
from tenfold.runtime.read_models.schedule import due_in
from tenfold.runtime.session import Session

#: Refreshed here; refreshed by another process since it was asked for; or another is at it now.
Outcome = Literal["refreshed", "elsewhere", "busy"]

_TRY_LOCK = "SELECT pg_catalog.pg_try_advisory_xact_lock($1::bigint)"
_LOCK = "SELECT pg_catalog.pg_advisory_xact_lock($1::bigint)"
_WAIT_LONG = """
SELECT pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('lock_timeout', '0', true)
"""
# With row_security off the server refuses a query that a policy would thin out, or might.
_LIMIT = """
SELECT pg_catalog.clock_timestamp() AS began,
       pg_catalog.set_config('row_security', $5::text, true),
       pg_catalog.set_config('lock_timeout', $1::text, true),
       pg_catalog.set_config('statement_timeout', $2::text, true),
       pg_catalog.set_config('work_mem', coalesce($3::text, pg_catalog.current_setting('work_mem')), true),
       (SELECT c.relispopulated FROM pg_catalog.pg_class c WHERE c.oid = $4::text::pg_catalog.regclass)
         AS populated
"""

# Messages of the server may quote a row; these do not, and those about names and rights are its own.
_WHY = {
    "21000": "two rows have the same key",
    "23505": "two rows have the same key",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53400": "it would exceed temp_file_limit",
    "55P03": "a lock could not be had within lock_timeout",
    "57014": "it took longer than statement_timeout, or was cancelled at the server",
}
_ABOUT_NAMES = "42"
# The server, or the connection to it, went away (classes of PostgreSQL's error codes).
_LOST = ("08", "57P")

_log = logging.getLogger("tenfold.runtime")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one refresh. Times are seconds. Raises UsageError."""

    #: The whole of it; 0: as long as it takes.
    statement_timeout: float = 0.0
    #: Until a lock is had that a migration may hold.
    lock_timeout: float = 10.0
    #: Memory of each sort and hash, such as "256MB"; None: as the role has it.
    work_mem: str | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.statement_timeout <= _LONGEST and 0 <= self.lock_timeout <= _LONGEST):
            raise UsageError("the times of Limits are from 0 to a week")
        if self.work_mem is not None and not _MEMORY.match(self.work_mem):
            raise UsageError('work_mem is a number and a unit, such as "256MB"')


_LONGEST = 7 * 86_400.0
_MEMORY = re.compile(r"[1-9]\d{0,8} ?(kB|MB|GB)\Z")


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a refresh."""

    model: str
    outcome: Outcome
    #: What it took, and the rows of all tenants; None where it was not done here.
    seconds: float | None = None
    rows: int | None = None

    @property
    def busy(self) -> bool:
        return self.outcome == "busy"


async def refresh(db: Database, model: ReadModel, limits: Limits, *, wait: bool = True) -> Refreshed:
    """Refreshes it now. Where another is at it, waits for that to end, or leaves it at that.

    Raises ReadModelError, after the failure was recorded; DatabaseUnavailableError, PoolTimeoutError.
    """
    async with _attempt(db, model) as session:
        before = await state_of(session, model)
        require_as_declared(model, before)
        if not await _locked(session, model, wait=wait):
            return Refreshed(model=str(model), outcome="busy")
        state = await state_of(session, model)
        require_as_declared(model, state)
        # The first to end since may have begun before this was asked for; the second did not.
        if state.refreshes >= before.refreshes + 2:
            return Refreshed(model=str(model), outcome="elsewhere")
        return await _refreshed(session, model, limits)


async def refresh_if_due(db: Database, model: ReadModel, limits: Limits) -> Refreshed | float:
    """What became of it where it was due, else seconds until it is. Raises as `refresh` does."""
    async with _attempt(db, model) as session:
        if (wait := await _due_in(session, model)) > 0:
            return wait
        if not await _locked(session, model, wait=False):
            return Refreshed(model=str(model), outcome="busy")
        if (wait := await _due_in(session, model)) > 0:
            return wait
        return await _refreshed(session, model, limits)


async def _due_in(session: Session, model: ReadModel) -> float:
    state = await state_of(session, model)
    require_as_declared(model, state)
    return due_in(model.every, state)


async def _locked(session: Session, model: ReadModel, *, wait: bool) -> bool:
    """Whether nobody else refreshes or exchanges it until this transaction ends."""
    if not wait:
        return bool(await session.fetch_value(_TRY_LOCK, model.names.lock))
    await session.fetch(_WAIT_LONG)
    await session.fetch(_LOCK, model.names.lock)
    return True


async def _refreshed(session: Session, model: ReadModel, limits: Limits) -> Refreshed:
    open_ = await shown_all_by_policies(session, model)
    row = await session.fetch_row(
        _LIMIT,
        f"{limits.lock_timeout * 1000:.0f}ms",
        f"{limits.statement_timeout * 1000:.0f}ms",
        limits.work_mem,
        model.names.stored,
        "on" if open_ else "off",
    )
    assert row is not None
    # What was never filled cannot be compared with what is new, and nobody reads it.
    how = "CONCURRENTLY " if row["populated"] else ""
    await session.execute(f"REFRESH MATERIALIZED VIEW {how}{model.names.stored}")
    # Locks on the tables keep policies as they are from here on.
    if open_ and not await shown_all_by_policies(session, model):
        raise ReadModelError(
            f"policies were changed while the read model {model} was refreshed; nothing of it stays"
        )
    seconds, rows = await record_success(session, model, row["began"])
    session.after_commit(
        lambda: _log.info("read model %s: %d rows, refreshed in %.2f s", model, rows, seconds)
    )
    return Refreshed(model=str(model), outcome="refreshed", seconds=seconds, rows=rows)


# --- failures ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _attempt(db: Database, model: ReadModel) -> AsyncGenerator[Session]:
    """A session, whose failures are the model's own, are recorded, and say nothing of any row."""
    connection: Connection | None = None
    lost = False
    try:
        # What is read after a wait for the lock is to be of then, whatever level the role has.
        async with db.system(f"looks after the read model {model}", isolation="read committed") as session:
            connection = session.connection
            try:
                yield session
            except Exception:
                lost = connection.lost
                raise
    except TenfoldError:
        raise
    except Exception as error:
        code = str(getattr(error, "sqlstate", None) or "")
        # Without a code it was no answer of the server's: COMMIT may have met a broken connection.
        if lost or code.startswith(_LOST) or (not code and connection is not None and connection.lost):
            raise DatabaseUnavailableError(
                f"the connection was lost while the read model {model} was refreshed; readers see the former"
                " rows, or all of the new ones"
            ) from None
        if not code:
            raise
        why = _why(code, error)
        await _record(db, model, why)
        raise ReadModelError(f"the read model {model} was not refreshed: {why}") from None


def _why(code: str, error: Exception) -> str:
    """Without a value of a row, as the server's own messages may quote one, but for those about names."""
    said = next(iter(str(error).splitlines()), "") if code.startswith(_ABOUT_NAMES) else ""
    return f"{said or _WHY.get(code, 'the log of the server says why')} (SQLSTATE {code})"


async def _record(db: Database, model: ReadModel, why: str) -> None:
    try:
        async with db.system(f"records a failure of the read model {model}") as session:
            await record_failure(session, model, why)
    except Exception as error:  # noqa: BLE001 - the failure itself is what the caller is to hear of
        _log.warning("a failure of the read model %s was not recorded: %s", model, type(error).__name__)
