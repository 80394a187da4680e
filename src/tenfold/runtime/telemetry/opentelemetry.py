"""Spans of OpenTelemetry for transactions and their statements, by its stable conventions for databases.

    db = Database("postgresql://...", observers=[Traces()])

It needs opentelemetry-api, of `tenfold[runtime-tracing]`; the SDK and its exporters are the service's. A
transaction is a child of the span that was current when it was entered, and its statements are children of
it, or of a span of the service's own within it. A trace that is not sampled costs next to nothing.

No span holds a value: `db.query.text` is without literals, and of an error there are the SQLSTATE and the
name of its type, since messages of the server repeat what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter_ns, time_ns

from tenfold.errors import UsageError

try:
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        Span,
        SpanKind,
        StatusCode,
        TracerProvider,
        get_current_span,
        get_tracer,
        set_span_in_context,
    )
except ImportError as error:
    raise UsageError("traces need opentelemetry-api; install tenfold[runtime-tracing]") from error

from tenfold.runtime.fingerprint import fingerprint
from tenfold.runtime.session import Session
from tenfold.runtime.telemetry.summary import summary_of
from tenfold.runtime.tenant import TenantId

_SYSTEM = {"db.system.name": "postgresql"}
_DEFAULT_PORT = "5432"
_SERVER = re.compile(r"(?P<address>.*):(?P<port>[\d,]+)/(?P<database>[^/]*)")


class _Transaction:
    """What is kept of one that is recorded, from its beginning to its end."""

    __slots__ = ("context", "outer", "server", "skew", "span")

    def __init__(
        self, span: Span, outer: Span, context: Context, server: Mapping[str, str | int], skew: int
    ) -> None:
        self.span, self.outer, self.context, self.server = span, outer, context, server
        #: Nanoseconds between the two clocks. The wall clock is read once, lest it jump within a transaction.
        self.skew = skew

    def now(self) -> int:
        return perf_counter_ns() + self.skew


class Traces:
    """An observer of any number of databases. With `tenants`, a transaction has `tenfold.tenant.id`."""

    def __init__(self, tracer_provider: TracerProvider | None = None, *, tenants: bool = False) -> None:
        self._tracer = get_tracer("tenfold.runtime", tracer_provider=tracer_provider)
        self._tenants = tenants
        self._recorded: dict[Session, _Transaction] = {}

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        outer = get_current_span()
        if not outer.is_recording():
            trace = outer.get_span_context()
            # One that was handed over by another process is not recorded here, but may be sampled.
            if trace.is_valid and not trace.trace_flags.sampled:
                return
        skew = time_ns() - perf_counter_ns()
        known = _server(server)
        began = perf_counter_ns() + skew - _nanoseconds(acquire + begin)
        span = self._tracer.start_span(
            "transaction", attributes={**_SYSTEM, **known}, start_time=began, kind=SpanKind.INTERNAL
        )
        if not span.is_recording():
            return
        span.set_attribute("tenfold.acquire_seconds", acquire)
        span.set_attribute("tenfold.begin_seconds", begin)
        span.set_attribute("tenfold.read_only", session.read_only)
        if self._tenants and session.tenant is not None:
            span.set_attribute("tenfold.tenant.id", str(session.tenant))
        self._recorded[session] = _Transaction(span, outer, set_span_in_context(span), known, skew)

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        """Nothing: no transaction began, and the span around it has the error."""

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        transaction = self._recorded.get(session)
        if transaction is None:
            return
        summary, described = _described(fingerprint(statement).text)
        now = transaction.now()
        span = self._tracer.start_span(
            summary,
            context=transaction.context if get_current_span() is transaction.outer else None,
            kind=SpanKind.CLIENT,
            attributes={**described, **transaction.server},
            start_time=now - _nanoseconds(seconds),
        )
        if error is not None:
            _failed(span, error)
        span.end(now)

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        transaction = self._recorded.pop(session, None)
        if transaction is None:
            return
        transaction.span.set_attribute("tenfold.end_seconds", seconds)
        transaction.span.set_attribute("tenfold.committed", committed)
        transaction.span.end(transaction.now())

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        """The client of Redis has an instrumentation of its own."""


def _failed(span: Span, error: BaseException) -> None:
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        span.set_attribute("db.response.status_code", sqlstate)
        span.set_attribute("error.type", sqlstate)
    else:
        kind = type(error)
        inside = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        span.set_attribute("error.type", f"{inside}{kind.__qualname__}")
    span.set_status(StatusCode.ERROR)


# The operation has no attribute of its own: by the conventions it is not to be taken from the text.
@lru_cache(maxsize=4096)
def _described(text: str) -> tuple[str, Mapping[str, str]]:
    """The name of the span, and its attributes."""
    attributes = {**_SYSTEM, "db.query.text": text}
    if summary := summary_of(text):
        return summary, {**attributes, "db.query.summary": summary}
    return _SYSTEM["db.system.name"], attributes


@lru_cache(maxsize=256)
def _server(name: str) -> Mapping[str, str | int]:
    """Of a server's name, `host:port/database`, as it was configured; several hosts are one address."""
    found = _SERVER.fullmatch(name)
    if found is None:
        return {"server.address": name}
    known: dict[str, str | int] = {"server.address": found["address"], "db.namespace": found["database"]}
    if found["port"].isdigit() and found["port"] != _DEFAULT_PORT:
        known["server.port"] = int(found["port"])
    return known


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
