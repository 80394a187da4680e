"""What is sent again, and what is not; and that nothing which is said of it names a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tenfold_hub.client import (
    Edit,
    Hub,
    HubError,
    NewApiKey,
    NewPerson,
    NotShownError,
    Patience,
    PersonPatch,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
)

#: An answer: a status with JSON and headers, or what happens instead.
Answer = tuple[int, Any, dict[str, str]] | Exception
PERSON = (200, {"id": "per_1", "version": 2}, {})
SECRET = "ada@engines.example"


def problem(status: int, code: str, **headers: str) -> Answer:
    return status, {"status": status, "code": code, "title": code, "request_id": "r1"}, headers


class Answers:
    """A hub that says one thing after the other, the last one for good; and the waits that came between."""

    def __init__(self, *answers: Answer) -> None:
        self.left, self.asked, self.waits = list(answers), list[httpx.Request](), list[float]()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        return httpx.Response(status, json=body, headers=headers)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def hub(self, **patience: Any) -> Hub:
        return Hub(
            "http://hub",
            "key",
            transport=httpx.MockTransport(self),
            patience=Patience(sleep=self.sleep, **patience),
        )

    @property
    def keys(self) -> Sequence[str | None]:
        return [request.headers.get("idempotency-key") for request in self.asked]


LOST = httpx.ReadError("lost")
UNSENT = httpx.ConnectError("refused")
READ: Callable[[Hub], Any] = lambda hub: hub.people.get("per_1")  # noqa: E731 # a table of one line each
SEARCH: Callable[[Hub], Any] = lambda hub: hub.people.list(filter={"email": SECRET}).page()  # noqa: E731
KEYED: Callable[[Hub], Any] = lambda hub: hub.people.create(NewPerson(email=SECRET))  # noqa: E731
ONCE: Callable[[Hub], Any] = lambda hub: hub.api_keys.create(NewApiKey(name=SECRET, scopes=[]))  # noqa: E731
#: What is asked, what is answered, and how often it is sent.
CASES: dict[str, tuple[Callable[[Hub], Any], Answer, int]] = {
    "too many requests, a read": (READ, problem(429, "rate_limited"), 4),
    "too many requests, a write that is sent once": (ONCE, problem(429, "rate_limited"), 4),
    "unavailable, a read": (READ, problem(503, "unavailable"), 4),
    "unavailable, a search": (SEARCH, problem(503, "unavailable"), 4),
    "unavailable, a write with a key": (KEYED, problem(503, "unavailable"), 4),
    "unavailable, a write that is sent once": (ONCE, problem(503, "unavailable"), 1),
    "a gateway's 502, a write with a key": (KEYED, problem(502, ""), 4),
    "lost, a write with a key": (KEYED, LOST, 4),
    "lost, a write that is sent once": (ONCE, LOST, 1),
    "not connected, a write that is sent once": (ONCE, UNSENT, 4),
    "refused": (KEYED, problem(422, "invalid"), 1),
    "under way, and not by this request": (KEYED, problem(409, "in_flight"), 1),
    "a fault of the hub": (READ, problem(500, "internal"), 1),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_is_safe_is_sent_again_and_nothing_else(case: str) -> None:
    ask, answer, times = CASES[case]
    answers = Answers(answer)
    async with answers.hub(attempts=4) as hub:
        with pytest.raises(UnreachableError if isinstance(answer, Exception) else ProblemError) as raised:
            await ask(hub)
    assert len(answers.asked) == times
    assert len(answers.waits) == times - 1
    assert SECRET not in f"{raised.value!r} {raised.value} {raised.value.__cause__!r}"
    # One key for all attempts; a search and what is sent once have none.
    assert len(set(answers.keys)) == 1
    assert (answers.keys[0] is not None) == (ask is KEYED)


async def test_what_comes_after_a_lost_answer_is_the_answer() -> None:
    answers = Answers(LOST, problem(409, "in_flight", **{"Retry-After": "1"}), PERSON)
    async with answers.hub() as hub:
        person = await hub.people.create(NewPerson(email=SECRET), key="mine")
    assert person.id == "per_1"
    assert answers.keys == ["mine"] * 3
    assert answers.waits[1] == 1.0


async def test_waits_grow_to_a_limit_and_are_what_the_hub_says_where_it_says() -> None:
    answers = Answers(problem(503, "unavailable"))
    async with answers.hub(attempts=6, first=1.0, longest=4.0) as hub:
        with pytest.raises(ProblemError):
            await READ(hub)
    for waited, longest in zip(answers.waits, (1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
        assert longest / 2 <= waited <= longest
    late = Answers(problem(429, "rate_limited", **{"Retry-After": "7"}), PERSON)
    async with late.hub() as hub:
        await READ(hub)
    assert late.waits == [7.0]
    too_late = Answers(problem(429, "rate_limited", **{"Retry-After": "3600"}))
    async with too_late.hub() as hub:
        with pytest.raises(ProblemError) as raised:
            await READ(hub)
    assert (raised.value.retry_after, too_late.waits) == (3600.0, [])


async def test_nothing_that_is_said_names_a_person(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = (200, {"id": "per_1", "version": "not a number", "email": SECRET}, {})
    answers = Answers(LOST, (200, {"items": [], "next_cursor": None}, {}), wrong)
    async with answers.hub() as hub:
        assert list(await hub.search(SECRET)) == []
        with pytest.raises(UnexpectedAnswerError, match=r"GET /people/\{id\}.*\$\.version") as raised:
            await hub.people.get(SECRET)
    assert SECRET not in f"{raised.value} {raised.value.__cause__!r}"
    assert answers.asked[0].url.params["q"] == SECRET
    assert "GET /search: ReadError" in caplog.text
    assert SECRET not in caplog.text and "ada%40" not in caplog.text
    # Others' requests are logged by httpx as ever.
    async with httpx.AsyncClient(transport=httpx.MockTransport(answers)) as plain:
        await plain.get("http://elsewhere")
    assert "http://elsewhere" in caplog.text


async def test_what_an_answer_does_not_have_is_not_none() -> None:
    answers = Answers((200, {"id": "per_1", "email": None, "later": "than this client"}, {}))
    async with answers.hub() as hub:
        person = await hub.people.get("per_1", fields=["email"])
    assert person.email is None
    with pytest.raises(NotShownError, match="phone of this Person"):
        _ = person.phone
    assert repr(person) == "Person(id='per_1')"


async def test_a_file_is_sent_anew_with_its_key_and_the_hub_has_time_to_read_it(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"given_name\nAda\n")
    answers = Answers(LOST, (201, {"id": "imp_1"}, {}))
    async with answers.hub() as hub:
        job = await hub.imports.start("people", file, mapping={"given_name": "given_name"})
        await hub.imports.cancel(job.id)
    assert [request.content for request in answers.asked] == [file.read_bytes()] * 2 + [b""]
    assert len(set(answers.keys[:2])) == 1
    reads = [request.extensions["timeout"]["read"] for request in answers.asked]
    assert reads[0] > 10 * reads[2] > 0


async def test_a_page_that_is_no_problem_document_is_a_problem_all_the_same() -> None:
    async def proxy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, html="<h1>Not here</h1>")

    async with Hub("http://hub/", "key", transport=httpx.MockTransport(proxy)) as hub:
        with pytest.raises(HubError, match="GET /me: Not Found") as raised:
            await hub.me()
    assert isinstance(raised.value, ProblemError) and raised.value.status == 404


async def test_ids_and_names_are_one_part_of_the_path_whatever_they_are() -> None:
    answers = Answers(PERSON)
    async with answers.hub() as hub:
        await hub.people.upsert("a/b", "x?y", PersonPatch(phone=None))
        await hub.people.update("per_1", PersonPatch(given_name="Ada"), version=7)
        await hub.people.restore("..")
        with pytest.raises(ValueError, match="empty"):
            await hub.people.archive("")
    put, patch, restore = answers.asked
    assert put.url.raw_path == b"/v1/people/external/a%2Fb/x%3Fy"
    assert restore.url.raw_path == b"/v1/people/%2E%2E/restore"
    assert put.content == b'{"phone":null}'
    assert patch.headers["if-match"] == '"7"'
    assert patch.headers["authorization"] == "Bearer key"


async def test_a_batch_of_any_size_is_sent_by_the_thousand() -> None:
    class Echo(Answers):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            items = httpx.Response(200, content=await request.aread()).json()["items"]
            self.left = [
                (200, {"items": [{"status": 200, "item": {"id": each["id"]}} for each in items]}, {})
            ]
            return await super().__call__(request)

    answers = Echo(PERSON)
    ids = [f"per_{place}" for place in range(2_001)]
    async with answers.hub() as hub:
        results = await hub.people.archive_many(ids)
        edits = (Edit(id, PersonPatch(given_name=None)) for id in ids)
        with pytest.raises(ValueError, match="at most 1,000"):
            await hub.people.update_many(edits, atomic=True)
    assert [result.get().id for result in results] == ids
    assert len(answers.asked) == 3
    assert len(set(answers.keys)) == 3
