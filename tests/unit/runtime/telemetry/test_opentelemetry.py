"""Spans as an exporter of OpenTelemetry gets them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    use_span,
)

from tenfold.runtime.telemetry.opentelemetry import Traces

SERVER = "db.example.com:6432/product"
QUERY = "SELECT * FROM notes WHERE team_id = $1 AND body = 'secret' AND n < 42"


class Work:
    """What an observer reads of a session."""

    def __init__(self, tenant: int | None = 7, *, read_only: bool = False) -> None:
        self.tenant, self.read_only = tenant, read_only


class ServerError(Exception):
    sqlstate = "23505"


class Service:
    """A tracer provider, what it exported, and a transaction of one statement."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("service")

    def transaction(
        self, traces: Traces, session: Any = None, *, error: BaseException | None = None, server: str = SERVER
    ) -> None:
        session = session or Work()
        traces.entered(session, server, 0.25, 0.125)
        traces.asked(session, QUERY, 0.5, error)
        traces.left(session, 0.0625, committed=error is None)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def service() -> Service:
    return Service()


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


def number(span: ReadableSpan) -> int:
    return span.get_span_context().span_id


def length(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_a_statement_has_the_attributes_of_the_conventions(service: Service) -> None:
    service.transaction(Traces(service.provider))
    statement = service.spans["SELECT notes"]
    assert statement.kind is SpanKind.CLIENT
    assert statement.status.status_code is StatusCode.UNSET
    assert dict(statement.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.query.text": "SELECT * FROM notes WHERE team_id = ? AND body = ? AND n < ?",
        "db.query.summary": "SELECT notes",
        "db.namespace": "product",
        "server.address": "db.example.com",
        "server.port": 6432,
    }


def test_a_transaction_says_what_it_took_and_how_it_ended(service: Service) -> None:
    service.transaction(Traces(service.provider), Work(read_only=True))
    transaction = service.spans["transaction"]
    assert transaction.kind is SpanKind.INTERNAL
    assert dict(transaction.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.namespace": "product",
        "server.address": "db.example.com",
        "server.port": 6432,
        "tenfold.acquire_seconds": 0.25,
        "tenfold.begin_seconds": 0.125,
        "tenfold.end_seconds": 0.0625,
        "tenfold.read_only": True,
        "tenfold.committed": True,
    }


def test_spans_begin_as_long_ago_as_what_they_tell_of_took(service: Service) -> None:
    service.transaction(Traces(service.provider))
    assert length(service.spans["SELECT notes"]) == 0.5
    assert length(service.spans["transaction"]) >= 0.375


def test_a_clock_that_jumps_back_within_a_transaction_turns_no_span_around(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces, session = Traces(service.provider), cast(Any, Work())
    traces.entered(session, SERVER, 0.0, 0.0)
    monkeypatch.setattr("tenfold.runtime.telemetry.opentelemetry.time_ns", lambda: 0)
    traces.asked(session, QUERY, 0.0, None)
    traces.left(session, 0.0, committed=True)
    transaction, statement = service.spans["transaction"], service.spans["SELECT notes"]
    times = (transaction.start_time, statement.start_time, statement.end_time, transaction.end_time)
    assert sorted(times) == list(times)
    assert times[0]


# --- parents -----------------------------------------------------------------------------------------


def test_a_transaction_belongs_to_the_current_span_and_its_statements_to_it(service: Service) -> None:
    with service.tracer.start_as_current_span("request"):
        service.transaction(Traces(service.provider))
    spans = service.spans
    assert parent(spans["transaction"]) == number(spans["request"])
    assert parent(spans["SELECT notes"]) == number(spans["transaction"])


def test_without_a_span_around_it_a_transaction_is_a_trace_of_its_own(service: Service) -> None:
    service.transaction(Traces(service.provider))
    assert parent(service.spans["transaction"]) is None
    assert parent(service.spans["SELECT notes"]) == number(service.spans["transaction"])


def test_a_statement_within_a_span_of_the_service_s_own_belongs_to_that(service: Service) -> None:
    traces, session = Traces(service.provider), cast(Any, Work())
    traces.entered(session, SERVER, 0.0, 0.0)
    with service.tracer.start_as_current_span("price"):
        traces.asked(session, QUERY, 0.0, None)
    traces.left(session, 0.0, committed=True)
    assert parent(service.spans["SELECT notes"]) == number(service.spans["price"])


async def test_transactions_of_two_tasks_keep_their_statements_apart(service: Service) -> None:
    traces = Traces(service.provider)
    entered = asyncio.Barrier(2)

    async def one(statement: str) -> None:
        session: Any = Work()
        with service.tracer.start_as_current_span(f"request {statement}"):
            traces.entered(session, SERVER, 0.0, 0.0)
            await entered.wait()
            traces.asked(session, statement, 0.0, None)
            traces.left(session, 0.0, committed=True)

    await asyncio.gather(one("SELECT a"), one("VACUUM"))
    finished = {number(span): span for span in service.exporter.get_finished_spans()}
    for statement, name in (("SELECT a", "SELECT"), ("VACUUM", "VACUUM")):
        transaction = finished[parent(service.spans[name]) or 0]
        assert finished[parent(transaction) or 0].name == f"request {statement}"


# --- what is not told --------------------------------------------------------------------------------


def test_a_failure_is_told_by_its_code_and_without_its_message(service: Service) -> None:
    service.transaction(Traces(service.provider), error=ServerError("Key (body)=(secret) already exists"))
    statement = service.spans["SELECT notes"]
    assert statement.status.status_code is StatusCode.ERROR
    assert statement.status.description is None
    assert not statement.events
    assert statement.attributes is not None
    assert statement.attributes["db.response.status_code"] == "23505"
    assert statement.attributes["error.type"] == "23505"
    assert (service.spans["transaction"].attributes or {})["tenfold.committed"] is False
    assert "secret" not in "".join(span.to_json() for span in service.spans.values())


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (TimeoutError("secret"), "TimeoutError"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
    ],
)
def test_a_failure_without_a_code_is_told_by_its_type(
    service: Service, error: BaseException, named: str
) -> None:
    service.transaction(Traces(service.provider), error=error)
    attributes = service.spans["SELECT notes"].attributes or {}
    assert attributes["error.type"] == named
    assert "db.response.status_code" not in attributes


def test_a_tenant_is_named_only_when_asked_for(service: Service) -> None:
    service.transaction(Traces(service.provider))
    assert "tenfold.tenant.id" not in (service.spans["transaction"].attributes or {})
    service.exporter.clear()
    service.transaction(Traces(service.provider, tenants=True))
    assert (service.spans["transaction"].attributes or {})["tenfold.tenant.id"] == "7"
    service.exporter.clear()
    service.transaction(Traces(service.provider, tenants=True), Work(tenant=None))
    assert "tenfold.tenant.id" not in (service.spans["transaction"].attributes or {})


@pytest.mark.parametrize(
    ("server", "attributes"),
    [
        ("db:5432/app", {"server.address": "db", "db.namespace": "app"}),
        ("/run/pg:5433/app", {"server.address": "/run/pg", "server.port": 5433, "db.namespace": "app"}),
        ("a,b:5432,5433/app", {"server.address": "a,b", "db.namespace": "app"}),
        ("::1:5433/app", {"server.address": "::1", "server.port": 5433, "db.namespace": "app"}),
        ("odd", {"server.address": "odd"}),
    ],
)
def test_a_server_is_named_as_it_was_configured(
    service: Service, server: str, attributes: dict[str, object]
) -> None:
    service.transaction(Traces(service.provider), server=server)
    found = service.spans["SELECT notes"].attributes or {}
    assert {name: found[name] for name in found if name[:2] == "se" or name == "db.namespace"} == attributes


def test_a_statement_without_words_is_named_after_the_system(service: Service) -> None:
    traces, session = Traces(service.provider), cast(Any, Work())
    traces.entered(session, SERVER, 0.0, 0.0)
    traces.asked(session, ";", 0.0, None)
    assert "db.query.summary" not in (service.spans["postgresql"].attributes or {})


# --- sampling ----------------------------------------------------------------------------------------


class Counting(Sampler):
    """Samples all, and counts how often it was asked."""

    asked = 0

    def should_sample(self, *arguments: Any, **known: Any) -> Any:
        self.asked += 1
        return ALWAYS_ON.should_sample(*arguments, **known)

    def get_description(self) -> str:
        return "counting"


def test_within_a_trace_that_is_not_sampled_nobody_is_even_asked() -> None:
    sampler = Counting()
    service = Service(sampler)
    unsampled = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(0)))
    traces = Traces(service.provider)
    with use_span(unsampled):
        service.transaction(traces)
    assert sampler.asked == 0
    assert service.spans == {}
    assert not traces._recorded


def test_what_another_process_sampled_is_recorded_here() -> None:
    service = Service(ParentBased(ALWAYS_OFF))
    handed_over = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)))
    with use_span(handed_over):
        service.transaction(Traces(service.provider))
    assert parent(service.spans["transaction"]) == 2


def test_a_transaction_that_the_sampler_leaves_out_leaves_out_its_statements() -> None:
    service = Service(ALWAYS_OFF)
    traces = Traces(service.provider)
    service.transaction(traces)
    assert service.spans == {}
    assert not traces._recorded


def test_nothing_is_kept_of_a_transaction_that_was_left(service: Service) -> None:
    traces = Traces(service.provider)
    service.transaction(traces)
    assert not traces._recorded


def test_without_the_api_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry.context'] = None\n"
        "from tenfold.errors import UsageError\n"
        "try:\n    import tenfold.runtime.telemetry.opentelemetry\n"
        "except UsageError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "traces need opentelemetry-api; install tenfold[runtime-tracing]\n"
