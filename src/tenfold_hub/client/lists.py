"""Lists, thing by thing or page by page; and the results of batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from tenfold_hub.client.errors import Problem, ProblemError

T = TypeVar("T")

#: `{"status": "open", "score": {"gte": 50}, "owner_id": ["mem_...", "mem_..."], "company_id": None}`: equal,
#: compared by operators, one of several, empty; all of it. Of several such groups one is enough.
Group: TypeAlias = Mapping[str, Any]
Filters: TypeAlias = Group | Sequence[Group]


class Count(msgspec.Struct, frozen=True):
    """Where it is capped there are more than 1,000."""

    value: int
    capped: bool


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next_cursor` is None on the last one."""

    items: list[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    #: Where it was asked for.
    count: Count | None = None
    #: Of what is refreshed now and then: what was true then.
    as_of: datetime | None = None


class Pages(Generic[T]):
    """A list that is read as it is used: `async for thing in pages`, or `async for page in pages.pages()`."""

    def __init__(self, read: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None = None) -> None:
        self._read, self._cursor = read, cursor

    async def page(self) -> Page[T]:
        """The first page alone."""
        return await self._read(self._cursor)

    async def pages(self) -> AsyncIterator[Page[T]]:
        cursor = self._cursor
        while True:
            page = await self._read(cursor)
            yield page
            if (cursor := page.next_cursor) is None:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item


class Result(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Of one item of a batch, in the place of the item: the thing, or why it was refused."""

    status: int
    item: T | None = None
    problem: Problem | None = None

    def get(self) -> T:
        """The thing. Raises ProblemError where it was refused."""
        if self.problem is not None or self.item is None:
            raise ProblemError(self.problem or Problem(status=self.status))
        return self.item


class Results(msgspec.Struct, Generic[T], frozen=True):
    items: list[Result[T]]


def asked(filters: Filters) -> dict[str, Any]:
    """As a search takes them."""
    if isinstance(filters, Mapping):
        return {"filters": _conditions(filters)}
    return {"groups": [_conditions(group) for group in filters]}


def _conditions(filters: Group) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    for name, value in filters.items():
        match value:
            case None:
                found.append((name, "null", True))
            case Mapping():
                found += [(name, operator, each) for operator, each in value.items()]
            case str() | bytes():
                found.append((name, "eq", value))
            case Sequence() | set() | frozenset():
                found.append((name, "in", [*value]))
            case _:
                found.append((name, "eq", value))
    return found
