"""The page on seeing what requests do, run."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tenfold.runtime import Database
from tenfold.runtime.telemetry import RequestMiddleware, Telemetry
from tests.db.runtime.pages import blocks_of, text_of

PAGE = text_of("see-what-requests-do.md")
BLOCKS = blocks_of(PAGE)


@pytest.fixture
async def page(notes: str) -> AsyncIterator[dict[str, Any]]:
    """What all blocks define together, with the Telemetry of the first one on a real database."""
    found: dict[str, Any] = {}
    telemetry = None
    for block in BLOCKS:
        exec(compile(block, "notes.py", "exec"), found)
        telemetry = telemetry or found["telemetry"]
    async with Database(notes, observers=[telemetry]) as db:
        found |= {"db": db, "telemetry": telemetry}
        yield found


async def ask(app: Any, path: str, **scope: Any) -> dict[str, str]:
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], **scope}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def test_the_line_of_the_page_is_the_line_that_is_logged(
    page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await ask(page["app"], "/teams/7/notes")
    (line,) = caplog.messages
    (shown,) = re.findall(r"^```text\n(GET .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert line == " ".join(shown.split())


async def test_staff_sees_the_timing_and_nobody_else(page: dict[str, Any]) -> None:
    assert "server-timing" not in await ask(page["app"], "/teams/7/notes")
    timing = (await ask(page["app"], "/teams/7/notes", session={"staff": True}))["server-timing"]
    (shown,) = re.findall(r"^```text\nserver-timing: (.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    numbers = re.compile(r"dur=[\d.]+")
    assert numbers.sub("", timing) == numbers.sub("", " ".join(shown.split()))


async def test_jobs_are_recorded_and_an_export_may_repeat_itself(
    page: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert await page["send_invoices"]() == 1
    await page["test_invoices_are_sent_in_one_query"]()
    with page["telemetry"].recording("all") as record:
        await page["export"]()
    assert record.queries == 20
    assert not caplog.messages


async def test_lines_of_other_logs_have_the_request_s_id(page: dict[str, Any]) -> None:
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO"})
    with page["telemetry"].recording("job") as job:
        assert page["to_stderr"].filter(record)
    assert page["to_stderr"].format(record) == f"{job.id} INFO hello"


async def test_a_sink_of_one_s_own_is_told(page: dict[str, Any]) -> None:
    sink = page["Slowest"]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    await ask(RequestMiddleware(app, Telemetry(sinks=[sink])), "/")
    assert sink.seconds > 0
