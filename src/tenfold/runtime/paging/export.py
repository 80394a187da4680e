"""All rows of a query, in order, batch by batch, without a transaction that lasts as long as the reader."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from tenfold.errors import TenantError, UsageError
from tenfold.runtime.drivers import Row
from tenfold.runtime.paging.keyset import Position, Query, statement
from tenfold.runtime.paging.order import Order
from tenfold.runtime.paging.page import PagedSession

BATCH_ROWS = 1_000


async def export(
    sessions: Callable[[], AbstractAsyncContextManager[PagedSession]],
    query: Query,
    order: Order,
    batch_rows: int = BATCH_ROWS,
) -> AsyncGenerator[Sequence[Row]]:
    """Yields batches of rows, each read in a session of its own that has ended before the batch is yielded.

        async for leads in export(lambda: db.tenant(7, read_only=True), query, order): ...

    A slow reader therefore holds no connection and no snapshot. Rows that stay as they are come exactly once;
    those written meanwhile come if they lie ahead. Raises OrderError where the rows contradict the order,
    TenantError where a session is of another tenant than the first.
    """
    if batch_rows < 1:
        raise UsageError("a batch has at least one row")
    position: Position | None = None
    tenants = set()
    while True:
        asked = statement(query, order, batch_rows + 1, position)
        async with sessions() as session:
            tenants.add(session.tenant)
            if len(tenants) > 1:
                raise TenantError("the sessions of an export are all of one tenant")
            rows = await session.fetch(asked.text, *asked.parameters)
        places = order.places(rows)
        if rows:
            yield rows[:batch_rows]
        if len(rows) <= batch_rows:
            return
        position = Position(places[batch_rows - 1])
