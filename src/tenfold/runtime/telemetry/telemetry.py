"""Counts what requests and jobs ask, and logs what is slow and what is asked too often.

    telemetry = Telemetry()
    db = Database("postgresql://app@localhost/product", observers=[telemetry])
    app = RequestMiddleware(app, telemetry)

No line of a log holds a value: statements are named by their fingerprint, requests by the template of their
route. Lines are held back where the same comes too often.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import msgspec

from tenfold.errors import RepeatedQueryError, UsageError
from tenfold.runtime.fingerprint import Fingerprint, fingerprint
from tenfold.runtime.telemetry.lines import issuing_lines
from tenfold.runtime.telemetry.record import Asked, Record, RequestSink, current_record, recorded
from tenfold.runtime.telemetry.request_id import new_id
from tenfold.runtime.telemetry.throttle import Throttle
from tenfold.runtime.tenant import TenantId

if TYPE_CHECKING:
    from tenfold.runtime.session import Session

#: Seconds.
SLOW_REQUEST = 1.0
SLOW_QUERY = 0.2
VERY_SLOW_QUERY = 0.5
#: How often a request may ask the same statement.
REPEATS = 10

# Seconds between two lines about the same statement or route, and about the same repeated statement, which
# is a fault of the code and stays until somebody mends it.
_EVERY = 60.0
_DAY = 86_400.0

_log = logging.getLogger("tenfold.runtime.telemetry")


class TelemetryStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Totals since the telemetry was made."""

    requests: int
    slow_requests: int
    queries: int
    slow_queries: int
    #: Statements that a request or a job asked too often, each counted once in each.
    repeated: int
    #: Lines that were not logged, because the same had just been.
    held_back: int


class Telemetry:
    """Observes databases and caches of one event loop; RequestMiddleware tells it of requests.

    A statement of `slow_query` seconds is logged as a warning, of `very_slow_query` as an error, a request of
    `slow_request` as a warning; `math.inf` is never. What is asked more than `repeats` times in one request
    or job is logged with the lines that issued it; with mode="raise", for tests, the request or job raises
    RepeatedQueryError at its end. None allows any number.
    """

    def __init__(
        self,
        *,
        slow_request: float = SLOW_REQUEST,
        slow_query: float = SLOW_QUERY,
        very_slow_query: float = VERY_SLOW_QUERY,
        repeats: int | None = REPEATS,
        mode: Literal["log", "raise"] = "log",
        sinks: Sequence[RequestSink] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if mode not in ("log", "raise"):
            raise UsageError(f"there is no mode {mode!r}; use log or raise")
        if not (slow_request > 0 and 0 < slow_query <= very_slow_query):
            raise UsageError("slow is a number of seconds above 0, and very slow no less than slow")
        _require_repeats(repeats)
        self._slow_request = slow_request
        self._slow_query, self._very_slow_query = slow_query, very_slow_query
        self._repeats, self._raises, self._sinks = repeats, mode == "raise", tuple(sinks)
        self._slow_lines, self._repeat_lines = Throttle(_EVERY, clock), Throttle(_DAY, clock)
        self._requests = self._slow_requests = self._queries = self._slow_queries = self._repeated = 0

    @contextmanager
    def recording(
        self, name: str, *, repeats: int | Literal["default"] | None = "default"
    ) -> Iterator[Record]:
        """Records a job, what a test calls, or a part of a request that may repeat itself: repeats=None.

            with telemetry.recording("rename") as record:
                await rename(7, 2, "new")
            assert record.queries == 3, record

        What it records is added to the request or recording around it, too.
        """
        if repeats == "default":
            repeats = self._repeats
        _require_repeats(repeats)
        outer = current_record()
        record = Record(outer.id if outer is not None else new_id(), name, repeats=repeats, outer=outer)
        try:
            with recorded(record):
                yield record
        finally:
            self._name_repeated(record)
        self._raise_repeated(record)

    def statistics(self) -> TelemetryStatistics:
        """What it has counted."""
        return TelemetryStatistics(
            requests=self._requests,
            slow_requests=self._slow_requests,
            queries=self._queries,
            slow_queries=self._slow_queries,
            repeated=self._repeated,
            held_back=self._slow_lines.held_back + self._repeat_lines.held_back,
        )

    # --- for databases and caches: an Observer ---------------------------------------------------------

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        if (record := current_record()) is not None:
            record.add_session(session.tenant, acquire, begin)

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        if (record := current_record()) is not None:
            record.add_session(tenant, seconds, 0.0)

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        self._queries += 1
        record = current_record()
        if record is None and seconds < self._slow_query:
            return
        what = fingerprint(statement)
        if record is not None:
            repeated = record.add_query(what, seconds, failed=error is not None)
            if repeated is not None:
                repeated.lines = issuing_lines()
        if seconds >= self._slow_query:
            self._name_slow_query(session, what, seconds, error, record)

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        if (record := current_record()) is not None:
            record.add_end(seconds)

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        if (record := current_record()) is not None:
            record.add_cache_read(hit, seconds)

    # --- for the middleware --------------------------------------------------------------------------

    def request(self, id: str) -> Record:
        """The record of a request that begins."""
        return Record(id, repeats=self._repeats, outer=current_record())

    def finished(
        self, record: Record, route: str, method: str, status: int, seconds: float, *, failed: bool
    ) -> None:
        """Raises RepeatedQueryError in that mode, unless the request `failed` with an exception already."""
        record.name = f"{method} {route}".rstrip()
        self._requests += 1
        if seconds >= self._slow_request:
            self._name_slow_request(record, status, seconds)
        self._name_repeated(record)
        for sink in self._sinks:
            sink.finished(record, route, method, status, seconds)
        if not failed:
            self._raise_repeated(record)

    # --- what is logged ------------------------------------------------------------------------------

    def _name_slow_query(
        self,
        session: Session,
        asked: Fingerprint,
        seconds: float,
        error: BaseException | None,
        record: Record | None,
    ) -> None:
        self._slow_queries += 1
        very = seconds >= self._very_slow_query
        # One that was slow must not hold back the line of one that is very slow.
        held = self._slow_lines.admit((asked.id, very))
        if held is None:
            return
        _log.log(
            logging.ERROR if very else logging.WARNING,
            "slow query %s of %.3f s%s, by %s, tenant %s, request %s: %s%s",
            asked.id,
            seconds,
            # Its name alone: the message of an error may hold a value.
            "" if error is None else f", ended by {type(error).__name__}",
            issuing_lines(),
            _or_none(session.tenant),
            _or_none(record and record.id),
            asked.text,
            _and_held(held),
        )

    def _name_slow_request(self, record: Record, status: int, seconds: float) -> None:
        self._slow_requests += 1
        if (held := self._slow_lines.admit(record.name)) is None:
            return
        _log.warning(
            "slow request %s of %.3f s, status %d: %.3f s for connections, %.3f s to begin, "
            "%.3f s in %d queries, %.3f s to commit, %.3f s in %d reads of the shared cache; "
            "tenant %s, request %s%s",
            record.name,
            seconds,
            status,
            record.acquire,
            record.begin,
            record.query_seconds,
            record.queries,
            record.end,
            record.cache_seconds,
            record.cache_reads,
            _or_none(record.tenant),
            record.id,
            _and_held(held),
        )

    def _name_repeated(self, record: Record) -> None:
        for asked in record.repeated:
            self._repeated += 1
            if self._repeat_lines.admit((record.name, asked.fingerprint.id)) is not None:
                _log.warning("%s", _repeated(record, asked))

    def _raise_repeated(self, record: Record) -> None:
        if self._raises and record.repeated:
            raise RepeatedQueryError("; ".join(_repeated(record, asked) for asked in record.repeated))


def _repeated(record: Record, asked: Asked) -> str:
    return (
        f"{record.name} asked the same {asked.count} times (N+1), by {asked.lines}; "
        f"load the rows together, by a Loader or = ANY($1): {asked.fingerprint.id} {asked.fingerprint.text}"
    )


def _require_repeats(repeats: object) -> None:
    if repeats is not None and (not isinstance(repeats, int) or repeats < 1):
        raise UsageError("repeats is a number above 0, or None for any number")


def _or_none(value: object) -> object:
    return "none" if value is None else value


def _and_held(held: int) -> str:
    return f" (and {held} more since the last line)" if held else ""
