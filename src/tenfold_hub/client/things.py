"""What can be done with the things of a resource: each class is one ability, and a resource has some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET

from tenfold_hub.client.lists import Filters, Page, Pages, Result, Results, asked
from tenfold_hub.client.sending import Call, Query, Sender

T = TypeVar("T")
N = TypeVar("N")
P = TypeVar("P")
A = TypeVar("A")

#: Items of one request.
MOST_ITEMS = 1_000
_page_of: Any = Page
_results_of: Any = Results


class Edit(msgspec.Struct, Generic[P], omit_defaults=True):
    """One item of a batch that changes things; with `version`, only if the thing still has it."""

    id: str
    item: P
    version: int | None = None


class Named(msgspec.Struct, omit_defaults=True):
    """One item of a batch that archives or restores things."""

    id: str
    version: int | None = None


class Routes:
    """Under one path. `at` stands for the path's own parameters, as the name of an object."""

    def __init__(self, sender: Sender, path: str, at: tuple[str, ...] = ()) -> None:
        self._sender, self._path, self._at = sender, path, at

    def _call(self, method: str, rest: str = "", *at: str, key: str | None = None, **more: Any) -> Call:
        headers = {**more.pop("headers", {}), **({} if key is None else {"Idempotency-Key": key})}
        return Call(method=method, path=f"{self._path}{rest}", at=(*self._at, *at), headers=headers, **more)

    async def _get(self, shown: type[A], rest: str = "", *at: str, query: Query = ()) -> A:
        return await self._sender.send(self._call("GET", rest, *at, query=query), shown)

    async def _post(
        self,
        shown: type[A],
        rest: str = "",
        *at: str,
        json: Any = UNSET,
        version: int | None = None,
        key: str | None = None,
        keyed: bool = True,
    ) -> A:
        call = self._call("POST", rest, *at, json=json, headers=match(version), key=key, keyed=keyed)
        return await self._sender.send(call, shown)

    async def _items(self, shown: type[A], rest: str, *at: str, query: Query = ()) -> Sequence[A]:
        """A list that is one page."""
        return cast(Page[A], await self._get(_page_of[shown], rest, *at, query=query)).items

    def _pages(
        self, shown: type[A], rest: str, *at: str, limit: int, cursor: str | None = None, **said: str | None
    ) -> Pages[A]:
        """A list that is no resource's."""
        given = [(name, value) for name, value in said.items() if value is not None]

        async def read(cursor: str | None) -> Page[A]:
            query = [*given, ("limit", str(limit)), *([] if cursor is None else [("cursor", cursor)])]
            return cast(Page[A], await self._get(_page_of[shown], rest, *at, query=query))

        return Pages(read, cursor)


class Reads(Routes, Generic[T]):
    """Things that are listed, and got by their id."""

    def __init__(self, sender: Sender, path: str, shown: type[T], at: tuple[str, ...] = ()) -> None:
        super().__init__(sender, path, at)
        self._shown = shown

    async def get(self, id: str, *, fields: Sequence[str] = (), expand: Sequence[str] = ()) -> T:
        """Raises ProblemError `not_found`."""
        return await self._get(self._shown, "/{id}", id, query=_named(fields=fields, expand=expand))

    def list(
        self,
        *,
        filter: Filters | None = None,
        sort: str = "",
        fields: Sequence[str] = (),
        expand: Sequence[str] = (),
        archived: bool = False,
        count: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Pages[T]:
        """Sorted by `created_at`, the latest first, unless the hub says otherwise of the resource.

        `filter` is such as `{"status": "open", "score": {"gte": 50}, "owner_id": [...], "company_id": None}`,
        or several of these, of which one is to hold.
        `limit` is the size of a page, at most 200; `count` has each page say how many there are, up to 1,001.
        """
        if filter:
            # In the body, not in the address, which servers and proxies write down.
            found = asked(filter)

            async def search(cursor: str | None) -> Page[T]:
                body = {
                    **found,
                    "sort": sort,
                    "fields": [*fields],
                    "expand": [*expand],
                    "limit": limit,
                    "cursor": cursor,
                    "archived": archived,
                    "count": "capped" if count else None,
                }
                return cast(
                    Page[T], await self._post(_page_of[self._shown], "/search", json=body, keyed=False)
                )

            return Pages(search, cursor)
        plain = {
            "sort": sort or None,
            "archived": "true" if archived else None,
            "count": "capped" if count else None,
            **dict(_named(fields=fields, expand=expand)),
        }
        return self._pages(self._shown, "", limit=limit, cursor=cursor, **plain)

    async def _many(
        self, verb: str, items: Iterable[Any], atomic: bool, key: str | None = None, **more: str
    ) -> Sequence[Result[T]]:
        """In the order of the items, a thousand at a time; `atomic`, all of them or none."""
        if atomic and len(items := [*items]) > MOST_ITEMS:
            raise ValueError(f"all or none are at most {MOST_ITEMS:,} items")
        rest, found = iter(items), list[Result[T]]()
        while some := [*islice(rest, MOST_ITEMS)]:
            call = self._call(
                "POST",
                f"/batch/{verb}",
                json={"items": some, **more},
                query=[("atomic", "true")] if atomic else (),
                key=f"{key}/{len(found)}" if key is not None and found else key,
            )
            found += (await self._sender.send(call, _results_of[self._shown])).items
        return found


class Creates(Reads[T], Generic[T, N]):
    async def create(self, new: N, *, key: str | None = None) -> T:
        """`key` is an Idempotency-Key of your own: the same thing is made once, whichever process asks."""
        return await self._post(self._shown, json=new, key=key)

    async def create_many(
        self, new: Iterable[N], *, atomic: bool = False, key: str | None = None
    ) -> Sequence[Result[T]]:
        """A result for each. What is refused says why, and the others are written."""
        return await self._many("create", ({"item": each} for each in new), atomic, key)


class Changes(Reads[T], Generic[T, P]):
    async def update(self, id: str, patch: P, *, version: int | None = None) -> T:
        """What the patch does not name stays; None empties. `version` is the one that was read: where the
        thing was changed since, ProblemError `version_mismatch` is raised.
        """
        call = self._call("PATCH", "/{id}", id, json=patch, headers=match(version))
        return await self._sender.send(call, self._shown)


class Updates(Changes[T, P], Generic[T, P]):
    async def update_many(self, edits: Iterable[Edit[P]], *, atomic: bool = False) -> Sequence[Result[T]]:
        return await self._many("update", edits, atomic)


class Archives(Reads[T]):
    async def archive(self, id: str, *, version: int | None = None) -> T:
        """It leaves the lists."""
        call = self._call("DELETE", "/{id}", id, headers=match(version))
        return await self._sender.send(call, self._shown)

    async def archive_many(
        self, things: Iterable[str | Named], *, atomic: bool = False
    ) -> Sequence[Result[T]]:
        return await self._many("archive", map(named, things), atomic)


class Restores(Archives[T]):
    async def restore(self, id: str, *, version: int | None = None) -> T:
        return await self._post(self._shown, "/{id}/restore", id, version=version)

    async def restore_many(
        self, things: Iterable[str | Named], *, atomic: bool = False
    ) -> Sequence[Result[T]]:
        return await self._many("restore", map(named, things), atomic)


class Things(Creates[T, N], Updates[T, P], Restores[T], Generic[T, N, P]):
    """All that most things know."""


class KnownThings(Things[T, N, P], Generic[T, N, P]):
    """Things that have a key of their own, such as a domain or a name."""

    async def upsert_many(
        self, things: Iterable[tuple[str, N | P]], *, by: str | None = None, atomic: bool = False
    ) -> Sequence[Result[T]]:
        """Each key with what its thing is to have: the thing is changed, or made where there is none.

        `by` is the field that the keys are of, where it is not the usual one: `custom.<key>` of a unique
        field, and of people `external:<source>`, for the numbers that another system has for them.
        """
        items = ({"key": key, "item": item} for key, item in things)
        return await self._many("upsert", items, atomic, **({} if by is None else {"by": by}))


def match(version: int | None) -> Mapping[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def named(thing: str | Named) -> Named:
    return Named(thing) if isinstance(thing, str) else thing


def _named(**names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, ",".join(values)) for name, values in names.items() if values]
