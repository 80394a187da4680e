"""One request and its answer: sent again where that is safe, and nowhere else.

- 429: nothing was done; it is sent again after what Retry-After says.
- 502, 503, 504, a lost connection, no answer in time: what was sent may have been done. Reads are sent again,
  and writes that have an Idempotency-Key, which is the same then; other writes only if they never left.
- 409 `in_flight`: the request that was lost is still under way.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from tenfold_hub.client.errors import Problem, ProblemError, UnexpectedAnswerError, UnreachableError

T = TypeVar("T")
#: With the query string's order, and names that come more than once.
Query = Sequence[tuple[str, str]]

#: The request was not sent.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_AGAIN = frozenset({502, 503, 504})
_JSON = "application/json"
_log = logging.getLogger("tenfold_hub.client")
_ours: ContextVar[bool] = ContextVar("ours", default=False)

# httpx logs each address, and what is searched for is in it.
logging.getLogger("httpx").addFilter(lambda _: not _ours.get())


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`path` as the API's description has it, `{id}` and all, and what stands for its parameters in order."""

    method: str
    path: str
    at: tuple[str, ...] = ()
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    #: None, JSON of any value, or a file: bytes, or what gives the pieces anew for each attempt.
    json: Any = msgspec.UNSET
    content: bytes | Callable[[], AsyncIterator[bytes]] | None = None
    #: A write that the hub does once for each Idempotency-Key.
    keyed: bool = True
    #: Seconds that the hub has before it answers, where they are more than usual.
    busy: float = 0.0

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def reads(self) -> bool:
        return self.method == "GET" or self.path.endswith("/search")

    @property
    def repeatable(self) -> bool:
        return self.reads or self.keyed

    @property
    def url(self) -> str:
        places = iter(self.at)
        return "/".join(_part(next(places)) if each[:1] == "{" else each for each in self.path.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a request is sent, and how long is waited before it is sent again, in seconds."""

    attempts: int = 5
    first: float = 0.2
    longest: float = 10.0
    #: A Retry-After beyond this is told to the caller instead.
    most: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def before(self, attempt: int) -> float:
        """Twice as long each time, and less by chance, so that many who wait do not come back at once."""
        return min(self.longest, self.first * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)


class Sender:
    """Of one hub, on behalf of one key."""

    def __init__(self, http: httpx.AsyncClient, patience: Patience) -> None:
        self._http, self._patience = http, patience

    async def send(self, call: Call, shown: type[T]) -> T:
        """The answer. Raises HubError."""
        return decoded((await self._answer(call)).content, shown, call)

    @asynccontextmanager
    async def answered(self, call: Call) -> AsyncIterator[httpx.Response]:
        """A response that is no error, its body still to be read. Raises HubError."""
        answer = await self._answer(call, whole=False)
        try:
            yield answer
        except httpx.HTTPError as error:
            raise UnreachableError(f"{call}: the answer broke off ({type(error).__name__})") from None
        finally:
            await answer.aclose()

    async def _answer(self, call: Call, *, whole: bool = True) -> httpx.Response:
        headers = self._headers(call)
        for attempt in range(1, self._patience.attempts + 1):
            last = attempt == self._patience.attempts
            try:
                answer = await self._once(call, headers)
                if whole and answer.is_success:
                    await answer.aread()
            except httpx.TransportError as error:
                if last or not (call.repeatable or isinstance(error, _UNSENT)):
                    # The cause names the address, and who was looked for with it.
                    raise UnreachableError(f"{call}: no answer ({type(error).__name__})") from None
                wait = self._patience.before(attempt)
                _log.info("%s: %s; again in %.1f s", call, type(error).__name__, wait)
            else:
                if answer.is_success:
                    return answer
                problem = await _problem(answer, call)
                after = problem.retry_after
                if last or not _again(problem, call, attempt) or (after or 0.0) > self._patience.most:
                    raise problem
                wait = self._patience.before(attempt) if after is None else after
                _log.info("%s: %s; again in %.1f s", call, problem.code or problem.status, wait)
            await self._patience.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _headers(self, call: Call) -> dict[str, str]:
        headers = dict(call.headers)
        if call.keyed and not call.reads:
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        if call.json is not msgspec.UNSET:
            headers["Content-Type"] = _JSON
        return headers

    async def _once(self, call: Call, headers: Mapping[str, str]) -> httpx.Response:
        content: Any = call.content() if callable(call.content) else call.content
        if call.json is not msgspec.UNSET:
            content = msgspec.json.encode(call.json)
        timeout = self._http.timeout.as_dict()
        if timeout["read"] is not None:
            timeout["read"] = max(timeout["read"], call.busy)
        request = self._http.build_request(
            call.method,
            call.url,
            params=list(call.query) or None,
            headers=dict(headers),
            content=content,
            timeout=httpx.Timeout(**timeout),
        )
        token = _ours.set(True)
        try:
            return await self._http.send(request, stream=True)
        finally:
            _ours.reset(token)


def decoded(body: bytes, shown: type[T], call: Call) -> T:
    try:
        return msgspec.json.decode(body, type=shown)
    except msgspec.MsgspecError as error:
        # The rest of what it says may be the value; where it stands is none.
        where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "no JSON"
        raise UnexpectedAnswerError(f"{call}: the answer is not as this client knows it ({where})") from None


def _part(text: str) -> str:
    """One part of a path, whatever the text. Raises ValueError for none: the path would be another one."""
    if not text:
        raise ValueError("an id is empty")
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def _again(problem: ProblemError, call: Call, attempt: int) -> bool:
    if problem.status == 429:
        return True
    if problem.status in _AGAIN:
        return call.repeatable
    return problem.code == "in_flight" and attempt > 1


async def _problem(answer: httpx.Response, call: Call) -> ProblemError:
    try:
        body = await answer.aread()
    except httpx.HTTPError:
        body = b""
    finally:
        await answer.aclose()
    after = answer.headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() else None
    try:
        found = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        # Of a proxy, say: its page is nobody's problem document.
        found = Problem(status=answer.status_code, detail=f"{call}: {answer.reason_phrase}")
    return ProblemError(found, retry_after=seconds)
