"""What one piece of work, a request or a job, has cost the database and the cache so far.

A context variable holds the record, so the tasks that the work starts add to it as well. What they do after
it has ended adds to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Protocol

from tenfold.runtime.fingerprint import Fingerprint
from tenfold.runtime.tenant import TenantId

#: Different statements that a record tells apart; it goes on counting the others, all together.
MOST_STATEMENTS = 500
#: Statements that a record names when it is printed.
_NAMED = 10


class RequestSink(Protocol):
    """Told of each request once it has ended. It neither raises nor waits."""

    def finished(self, record: Record, route: str, method: str, status: int, seconds: float) -> None:
        """`route` is a template, or the name of an endpoint, and never a path that was asked for.

        It is empty where the framework does not tell. `method` is one of HTTP's own, or `OTHER`. `status` is
        499 where the client left before the response began. `seconds` end with the last byte of the response.
        """
        ...


class Asked:
    """One statement, told apart by its fingerprint, and how often it was asked."""

    __slots__ = ("count", "fingerprint", "lines", "seconds")

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.count = 0
        self.seconds = 0.0
        #: The lines of the service that issued it, once it was asked too often; see `lines`.
        self.lines = ""

    def __str__(self) -> str:
        lines = f", by {self.lines}" if self.lines else ""
        return f"{self.count} x {self.fingerprint.text} ({self.seconds * 1000:.1f} ms{lines})"


class Record:
    """Totals of one request or job. Times are seconds. One event loop adds to it.

    A record within another adds to it, too, so that a test counts what a request asks; but what is asked too
    often is found by the inner one alone.
    """

    __slots__ = (
        "_asked",
        "acquire",
        "begin",
        "cache_hits",
        "cache_reads",
        "cache_seconds",
        "end",
        "ended",
        "errors",
        "id",
        "name",
        "outer",
        "queries",
        "query_seconds",
        "repeated",
        "repeats",
        "sessions",
        "tenant",
    )

    def __init__(
        self, id: str, name: str = "", *, repeats: int | None = None, outer: Record | None = None
    ) -> None:
        #: The request's id.
        self.id = id
        #: Of the job; a request's is its method and route, once it has ended.
        self.name = name
        #: A statement that is asked more often is repeated; None: as often as it likes.
        self.repeats = repeats
        self.outer = outer
        #: Of the last session of a tenant; None where there was none.
        self.tenant: TenantId | None = None
        #: Transactions begun; waiting for connections; beginning, with the tenant; commits and rollbacks.
        self.sessions = 0
        self.acquire = self.begin = self.end = 0.0
        #: Statements of sessions, those that failed included.
        self.queries = self.errors = 0
        self.query_seconds = 0.0
        #: Of the cache's shared level.
        self.cache_reads = self.cache_hits = 0
        self.cache_seconds = 0.0
        #: Statements that were asked more than `repeats` times.
        self.repeated: list[Asked] = []
        self.ended = False
        self._asked: dict[str, Asked] = {}

    def statements(self) -> list[Asked]:
        """Those asked most often first."""
        return sorted(self._asked.values(), key=lambda asked: -asked.count)

    def __str__(self) -> str:
        asked = self.statements()
        named = [str(each) for each in asked[:_NAMED]]
        if len(asked) > _NAMED:
            named.append(f"and {len(asked) - _NAMED} more")
        return "\n  ".join([f"{self.queries} queries in {self.query_seconds * 1000:.1f} ms", *named])

    __repr__ = __str__

    # --- for observers -------------------------------------------------------------------------------

    def add_session(self, tenant: TenantId | None, acquire: float, begin: float) -> None:
        record: Record | None = self
        while record is not None and not record.ended:
            if tenant is not None:
                record.tenant = tenant
            record.sessions += 1
            record.acquire += acquire
            record.begin += begin
            record = record.outer

    def add_query(self, fingerprint: Fingerprint, seconds: float, *, failed: bool) -> Asked | None:
        """The statement, in the moment that it becomes one asked too often."""
        if self.ended:
            return None
        asked = self._add_query(fingerprint, seconds, failed)
        outer = self.outer
        while outer is not None and not outer.ended:
            outer._add_query(fingerprint, seconds, failed)
            outer = outer.outer
        if asked is None or self.repeats is None or asked.count != self.repeats + 1:
            return None
        self.repeated.append(asked)
        return asked

    def add_end(self, seconds: float) -> None:
        record: Record | None = self
        while record is not None and not record.ended:
            record.end += seconds
            record = record.outer

    def add_cache_read(self, hit: bool, seconds: float) -> None:
        record: Record | None = self
        while record is not None and not record.ended:
            record.cache_reads += 1
            record.cache_hits += hit
            record.cache_seconds += seconds
            record = record.outer

    def finish(self) -> None:
        """Nothing is added from here on."""
        self.ended = True
        # Jobs that each start the next would hold on to all that came before.
        self.outer = None

    def _add_query(self, fingerprint: Fingerprint, seconds: float, failed: bool) -> Asked | None:
        self.queries += 1
        self.query_seconds += seconds
        self.errors += failed
        asked = self._asked.get(fingerprint.id)
        if asked is None:
            if len(self._asked) >= MOST_STATEMENTS:
                return None
            asked = self._asked[fingerprint.id] = Asked(fingerprint)
        asked.count += 1
        asked.seconds += seconds
        return asked


_current: ContextVar[Record | None] = ContextVar("tenfold_record", default=None)


def current_record() -> Record | None:
    """The record of the work that this task belongs to. It may have ended."""
    return _current.get()


@contextmanager
def recorded(record: Record) -> Iterator[Record]:
    """What is done in the block, and by the tasks that it starts, adds to the record."""
    token = _current.set(record)
    try:
        yield record
    finally:
        record.finish()
        # A block that is left in another context, as a fixture's may be, was not current there.
        with suppress(ValueError):
            _current.reset(token)
