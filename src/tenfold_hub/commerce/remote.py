"""Identity over HTTP, by its own routes, for commerce in a process of its own.

What is asked is asked with the token of the request that is under way: nobody sees more here than there, and
this process holds no credentials. Every request asks once who it is from; an order asks for its person, and a
batch for a hundred at a time.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import httpx
import msgspec

from tenfold.runtime import Session
from tenfold_hub.kit import ids
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem

#: Ids that one search may name.
_AT_ONCE = 100
#: Requests that one request sends at a time.
_SIDE_BY_SIDE = 4
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)

_token: ContextVar[str] = ContextVar("token")


class _Organization(msgspec.Struct):
    id: str


class _Me(msgspec.Struct):
    kind: str
    id: str
    scopes: list[str]
    organization: _Organization


class RemoteIdentity:
    """What commerce asks of identity, and who asks commerce. `client` is bound to the hub's address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    # --- who asks ------------------------------------------------------------------------------------

    async def principal_of(self, token: str) -> Principal | None:
        """Who the token stands for, which goes on to identity with all that this request asks."""
        _token.set(token)
        answer = await self._asked("GET", "/v1/me")
        if answer.status_code != 200:
            return None
        me = msgspec.json.decode(answer.content, type=_Me)
        return Principal(
            organization=ids.read("org", me.organization.id),
            id=ids.read("usr" if me.kind == "user" else "key", me.id),
            kind=me.kind,
            scopes=frozenset(me.scopes),
        )

    # --- people --------------------------------------------------------------------------------------

    async def living(self, session: Session, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
        return {asked: person_id(person) for asked, person in (await self.people(ids)).items()}

    async def resolve(self, session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
        """For lists: the person that each alias stands for."""
        return {id: person for id, person in (await self.living(session, ids)).items() if id != person}

    async def people(self, asked: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
        """As identity shows them, by the ids that were asked for."""
        wanted = sorted(set(asked))
        parts = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
        limit = asyncio.Semaphore(_SIDE_BY_SIDE)
        found: dict[uuid.UUID, dict[str, Any]] = {}
        for people in await asyncio.gather(*(self._search(part, limit) for part in parts)):
            found |= {person_id(person): person for person in people}
        # A list shows nobody by an alias, and nobody who is archived.
        missing = [id for id in wanted if id not in found]
        for id, person in zip(
            missing, await asyncio.gather(*(self._get(id, limit) for id in missing)), strict=True
        ):
            if person is not None:
                found[id] = person
        return {id: found[id] for id in wanted if id in found}

    async def _search(self, part: Sequence[uuid.UUID], limit: asyncio.Semaphore) -> list[dict[str, Any]]:
        condition = ["id", "in", [shown("per", id) for id in part]]
        body = {"filters": [condition], "limit": _AT_ONCE}
        async with limit:
            answer = _answered(await self._asked("POST", "/v1/people/search", json=body))
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def _get(self, id: uuid.UUID, limit: asyncio.Semaphore) -> dict[str, Any] | None:
        async with limit:
            answer = await self._asked("GET", f"/v1/people/{shown('per', id)}")
        if answer.status_code == 404:
            return None
        person: dict[str, Any] = _answered(answer).json()
        return person

    async def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {_token.get()}"}
        try:
            answer = await self._client.request(method, path, headers=headers, **request)
        except httpx.HTTPError:
            raise _unavailable() from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise _unavailable()
        return answer

    # --- while the hub runs --------------------------------------------------------------------------

    async def __aenter__(self) -> RemoteIdentity:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def client_of(address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, timeout=_TIMEOUT)


def person_id(person: Mapping[str, Any]) -> uuid.UUID:
    return ids.read("per", person["id"])


def _answered(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in (401, 403):
        raise Problem("forbidden", "these credentials may not read people, of whom orders are")
    if answer.status_code != 200:
        raise _unavailable()
    return answer


def _unavailable() -> Problem:
    return Problem("unavailable", "identity does not answer now", headers={"Retry-After": "1"})
