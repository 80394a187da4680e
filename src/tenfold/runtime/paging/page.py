"""Pages by cursor: from any of them on to the next and back to the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tenfold.errors import UsageError
from tenfold.runtime.drivers import Row
from tenfold.runtime.paging.cursor import Cursors
from tenfold.runtime.paging.keyset import Position, Query, is_dense, statement
from tenfold.runtime.paging.order import Order
from tenfold.runtime.tenant import TenantId

MOST_ROWS = 1_000


class PagedSession(Protocol):
    """What paging needs of a session."""

    @property
    def tenant(self) -> TenantId | None: ...

    async def fetch(self, statement: str, /, *parameters: object) -> Sequence[Row]: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the cursors of the pages beside it; None where there is none.

    `previous` is given whenever the page was reached by a cursor: the row that it came from lies there.
    """

    items: tuple[Row, ...]
    next: str | None
    previous: str | None


async def page(
    session: PagedSession,
    query: Query,
    order: Order,
    size: int,
    cursor: str | None = None,
    *,
    cursors: Cursors,
) -> Page:
    """The first page, or the one that the cursor stands for; `size` is 1 to 1,000.

    Raises CursorError for a cursor of elsewhere, and OrderError where the rows contradict the order.
    """
    require_size(size)
    position = None if cursor is None else cursors.open(cursor, session.tenant, order, query)
    rows = await _rows(session, query, order, size + 1, position)
    places = order.places(rows)[:size]
    backward = position is not None and position.backward
    items = tuple(rows[:size])
    if backward:
        items, places = items[::-1], places[::-1]
    ahead, behind = _neighbours(places, position, more=len(rows) > size, dense=is_dense(order, places))

    def sealed(neighbour: Position | None) -> str | None:
        return None if neighbour is None else cursors.seal(neighbour, session.tenant, order, query)

    return Page(items, sealed(ahead), sealed(behind))


async def _rows(
    session: PagedSession, query: Query, order: Order, limit: int, position: Position | None
) -> Sequence[Row]:
    asked = statement(query, order, limit, position)
    if position is not None and position.dense and len(asked.ranges) > 1:
        near = statement(query, order, limit, position, nearest=True)
        rows = await session.fetch(near.text, *near.parameters)
        if len(rows) == limit:
            return rows
        # All of them once more, for rows of two statements may be of two states of the table.
    return await session.fetch(asked.text, *asked.parameters)


def require_size(size: int) -> None:
    if not 1 <= size <= MOST_ROWS:
        raise UsageError(f"a page has 1 to {MOST_ROWS:,} rows")


def _neighbours(
    places: list[tuple[object, ...]], reached_by: Position | None, *, more: bool, dense: bool
) -> tuple[Position | None, Position | None]:
    """Where the next page begins, and where the previous one does."""
    backward = reached_by is not None and reached_by.backward
    if places:
        ahead = Position(places[-1], dense=dense)
        behind = Position(places[0], backward=True, dense=dense)
    elif reached_by is not None:
        # All rows there are gone. The way back must not lose the row that the cursor was made of.
        ahead = Position(reached_by.values, inclusive=not reached_by.inclusive)
        behind = Position(reached_by.values, backward=True, inclusive=not reached_by.inclusive)
    else:
        return None, None
    return (ahead if more or backward else None), (
        behind if (more if backward else reached_by is not None) else None
    )
