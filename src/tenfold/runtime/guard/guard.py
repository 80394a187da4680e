"""Stands before the server: a statement about tenants' rows says whose, or does not pass unseen.

    db = Database(dsn, guard=Guard("team_id"))                 # development and test: it raises
    db = Database(dsn, guard=Guard("team_id", mode="log"))     # production: it counts, and logs once

Each text is read once and remembered. What it is compared with is looked at each time, and has to be the
session's tenant: row-level security would answer such a mistake with no rows at all. Both modes find the
same. Sessions of the system pass, and so does a statement that says so: `/* across tenants: why */`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from tenfold.errors import UnboundTenantError, UsageError
from tenfold.runtime.drivers import Connection, Row
from tenfold.runtime.fingerprint import Fingerprint, fingerprint
from tenfold.runtime.guard.tables import QUERY, Tables, TenantTable, read, told
from tenfold.runtime.guard.values import is_of
from tenfold.runtime.guard.verdict import Verdict
from tenfold.runtime.holders import calling_place
from tenfold.runtime.tenant import TenantId

if TYPE_CHECKING:
    from tenfold.runtime.session import Session

Mode = Literal["raise", "log"]

# Texts whose verdicts are kept. Longer texts hold values, and mostly come once.
_TEXTS, _LONG_TEXTS, _LONG = 4_096, 64, 10_000
#: Fingerprints that are told apart.
MOST_FOUND = 1_000
# Characters of a statement in a message.
_SHOWN = 300

_log = logging.getLogger("tenfold.runtime")


@dataclass(slots=True)
class Found:
    """Statements of one fingerprint that were found at fault, or could not be read."""

    #: Without literals.
    statement: str
    #: What is wrong with it, without values.
    fault: str
    #: The line that sent it first.
    place: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class GuardStatistics:
    #: Texts that were read; any other was remembered.
    read: int
    #: Statements at fault: refused, or logged.
    at_fault: int
    #: Statements that say that they mean all tenants.
    across: int
    #: Statements that could not be read, and passed.
    unread: int
    #: By the id of the fingerprint; the first 1,000.
    found: dict[str, Found]


class Guard:
    """Give it to one Database, or to the engines of one database. See the module.

    `exempt` names tables that have the column and belong to nobody. `tables` names those that have it where
    no server is to be asked. Raises UsageError for arguments that cannot be.
    """

    def __init__(
        self,
        column: str,
        *,
        mode: Mode = "raise",
        exempt: Iterable[str] = (),
        tables: Iterable[str | TenantTable] | None = None,
    ) -> None:
        if mode not in ("raise", "log"):
            raise UsageError('a guard has the mode "raise" or "log"')
        if isinstance(exempt, str) or isinstance(tables, str):
            raise UsageError("a guard takes names of tables in a list or tuple")
        self.column = column
        self.mode: Mode = mode
        self._exempt = tuple(exempt)
        self._is_told = tables is not None
        self._tables = Tables(told(tables or ()), self._exempt)
        self._found: dict[str, Found] = {}
        self._at_fault = self._across = self._unread = 0
        self._verdict = lru_cache(_TEXTS)(self._judged)
        self._verdict_of_long = lru_cache(_LONG_TEXTS)(self._judged)

    # --- which tables --------------------------------------------------------------------------------

    @property
    def needs_tables(self) -> bool:
        """Whether it is still to learn which tables have the column."""
        return not self._is_told

    async def learn(self, connection: Connection) -> None:
        """Asks the server which tables have the column, unless it was told. Raises UsageError for none."""
        if self.needs_tables:
            self.learned(await connection.fetch(QUERY, (self.column,)))

    def learned(self, rows: Iterable[Row | Sequence[Any]]) -> None:
        """Takes the answer to `tables.QUERY`. What was remembered of statements is forgotten."""
        tables = Tables(read(rows), self._exempt)
        if not tables:
            message = f"no table that the guard is to watch has a column {self.column}; check its name"
            if self.mode == "raise":
                raise UsageError(message)
            _log.warning(message)
        # Before the first statement waits for it: it takes a while.
        import tenfold.runtime.guard.reader  # noqa: F401 - as said

        self._tables, self._is_told = tables, True
        self._verdict.cache_clear()
        self._verdict_of_long.cache_clear()

    # --- statements ----------------------------------------------------------------------------------

    def check(self, session: Session, statement: str, parameters: Sequence[object]) -> None:
        """Raises UnboundTenantError for a statement at fault; in the mode "log" it only counts."""
        if session.tenant is not None:
            self.check_for(session.tenant, statement, parameters)

    def check_for(self, tenant: TenantId, statement: str, parameters: Sequence[object]) -> None:
        """The same for whoever has no Session."""
        verdict = self._verdict(statement) if len(statement) <= _LONG else self._verdict_of_long(statement)
        if verdict.faults:
            self._tell(statement, "; ".join(map(str, verdict.faults)))
        elif verdict.comparisons:
            for each in verdict.comparisons:
                if not is_of(tenant, each.value, parameters):
                    self._tell(statement, str(each))
                    break
        elif verdict.across:
            self._across += 1
        elif verdict.unread:
            self._note_unread(statement, verdict.unread)

    def statistics(self) -> GuardStatistics:
        """What was found since the guard was made."""
        return GuardStatistics(
            read=self._verdict.cache_info().misses + self._verdict_of_long.cache_info().misses,
            at_fault=self._at_fault,
            across=self._across,
            unread=self._unread,
            found=dict(self._found),
        )

    # --- within --------------------------------------------------------------------------------------

    def _judged(self, statement: str) -> Verdict:
        from tenfold.runtime.guard.reader import read
        from tenfold.runtime.guard.syntax import Unreadable, is_across

        if is_across(statement):
            return Verdict(across=True)
        try:
            return read(statement, self._tables, self.column)
        except Unreadable as error:
            return Verdict(unread=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the guard's own refuses nothing, and is logged
            return Verdict(unread=f"the guard failed at it with {type(error).__name__}")

    def _tell(self, statement: str, fault: str) -> None:
        self._at_fault += 1
        mark = fingerprint(statement)
        is_new = self._note(mark, fault)
        if self.mode == "raise":
            raise UnboundTenantError(f"{fault}; in: {_short(mark)} ({mark.id})")
        if is_new:
            found = self._found[mark.id]
            _log.warning("%s; in: %s (%s), sent by %s", fault, _short(mark), mark.id, found.place)

    def _note_unread(self, statement: str, why: str) -> None:
        self._unread += 1
        mark = fingerprint(statement)
        if self._note(mark, why):
            found = self._found[mark.id]
            _log.warning(
                "the guard did not look at a statement, since %s: %s (%s), sent by %s",
                why,
                _short(mark),
                mark.id,
                found.place,
            )

    def _note(self, mark: Fingerprint, fault: str) -> bool:
        """Counts it; whether it is the first of its fingerprint."""
        found = self._found.get(mark.id)
        is_new = found is None and len(self._found) < MOST_FOUND
        if is_new:
            found = self._found[mark.id] = Found(mark.text, fault, str(calling_place(time.monotonic())))
        if found is not None:
            found.times += 1
        return is_new


def _short(mark: Fingerprint) -> str:
    return mark.text if len(mark.text) <= _SHOWN else f"{mark.text[: _SHOWN - 1].rstrip()}…"
