"""Pages by number, for those who need to jump: counted up to a cap, and refused beyond it.

The server reads and throws away every row before such a page, and a row inserted or deleted meanwhile
shifts all pages after it: where neither numbers nor jumps are needed, `page` does better.
"""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.errors import UsageError
from tenfold.runtime.drivers import Row
from tenfold.runtime.paging.keyset import Query, statement
from tenfold.runtime.paging.order import Order
from tenfold.runtime.paging.page import PagedSession, require_size

COUNT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class OffsetPage:
    items: tuple[Row, ...]
    #: From 1.
    number: int
    size: int
    #: Rows in all, or the cap where there are more.
    total: int
    #: There are more rows than `total`, nobody counted how many.
    capped: bool

    @property
    def pages(self) -> int:
        """Pages that can be asked for."""
        return -(-self.total // self.size)


async def offset_page(
    session: PagedSession,
    query: Query,
    order: Order,
    size: int,
    number: int = 1,
    *,
    count_up_to: int = COUNT_UP_TO,
) -> OffsetPage:
    """The page of this number. Raises UsageError for one that begins beyond the cap."""
    require_size(size)
    before = (number - 1) * size
    if not 0 <= before < count_up_to:
        raise UsageError(
            f"pages by number begin among the first {count_up_to:,} rows, counted from 1; page on by cursor"
        )
    asked = statement(query, order, size)
    items = await session.fetch(f"{asked.text}\nOFFSET {before:d}", *asked.parameters)
    order.places(items)
    counted = await session.fetch(
        f"SELECT count(*) FROM (SELECT FROM (\n{query.text}\n) AS page LIMIT {count_up_to + 1:d}) AS page",
        *query.parameters,
    )
    total = int(counted[0][0])
    return OffsetPage(tuple(items), number, size, min(total, count_up_to), total > count_up_to)
