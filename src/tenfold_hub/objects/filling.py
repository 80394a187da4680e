"""Rows of values for a field that became filterable, and their end for one that is so no more, in batches.

From the moment a field is `filling`, whoever writes a thing writes its row, so what is left to do are the
things that were there: they are walked by id, a batch to a transaction, each held against its writers for
that long. How far it came stands in the field itself. Whatever ends a process, the next one that meets the
field goes on; two that meet it at once do not disturb each other.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from tenfold.runtime import Database, Session
from tenfold_hub.kit.records import Records
from tenfold_hub.objects import repository
from tenfold_hub.objects.catalog import Catalog
from tenfold_hub.objects.definitions import Field, of_row
from tenfold_hub.objects.repository import Valued

#: Things, or rows to take away, of one transaction.
BATCH = 1_000
#: Seconds that a request waits for the work it caused; small organizations are done by then.
PATIENCE = 2.0

_BEGINNING = uuid.UUID(int=0)
_FIELD = "SELECT * FROM objects.fields WHERE organization_id = $1 AND id = $2"
# Another one may have done this batch meanwhile: then there is no such row, and nothing is done twice.
_ADVANCE = """
UPDATE objects.fields SET filled_to = $4, filled = filled + $5, state = $6
 WHERE organization_id = $1 AND id = $2 AND filled_to IS NOT DISTINCT FROM $3 AND state = $7
   AND archived_at IS NULL
"""
_END = """
UPDATE objects.fields SET state = 'none', filled = 0, filled_to = NULL
 WHERE organization_id = $1 AND id = $2 AND state = 'clearing'
"""
_log = logging.getLogger("tenfold_hub.objects")


class _OvertakenError(Exception):
    """Another process did this batch, or the field was changed: nothing of ours stays."""


class Filler:
    """Of one process. Work that it began goes on until the hub stops."""

    def __init__(
        self, db: Database, catalog: Catalog, records: dict[str, Records], batch: int = BATCH
    ) -> None:
        self._db, self._catalog, self._records, self._batch = db, catalog, records, batch
        self._tasks: dict[tuple[uuid.UUID, uuid.UUID], asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._catalog.close()

    def begin(self, organization: uuid.UUID, fields: Sequence[uuid.UUID]) -> list[asyncio.Task[None]]:
        """Goes on with these fields in the background; the tasks that do."""
        tasks = []
        for id in fields:
            task = self._tasks.get((organization, id))
            if task is None or task.done():
                task = asyncio.create_task(self._quietly(organization, id))
                self._tasks[organization, id] = task
                task.add_done_callback(partial(self._forget, (organization, id)))
            tasks.append(task)
        return tasks

    async def wait(self, organization: uuid.UUID, fields: Sequence[uuid.UUID]) -> None:
        """The same, and waits a moment for the end of it."""
        if tasks := self.begin(organization, fields):
            await asyncio.wait(tasks, timeout=PATIENCE)

    async def fill(self, organization: uuid.UUID, id: uuid.UUID) -> None:
        """Until the field is ready, or cleared."""
        while await self.step(organization, id):
            pass

    async def step(self, organization: uuid.UUID, id: uuid.UUID) -> bool:
        """One batch; whether there is more to do."""
        try:
            async with self._db.tenant(organization) as session:
                row = await session.fetch_row(_FIELD, organization, id)
                if row is None or (row["archived_at"] is not None and row["state"] == "filling"):
                    return False
                field = of_row(row)
                if field.state == "filling":
                    more = await self._fill(session, row, field)
                elif field.state == "clearing":
                    more = await self._clear(session, field)
                else:
                    return False
        except _OvertakenError:
            return False
        if not more:
            await self._catalog.forget(organization, row["object"])
        return more

    async def _fill(self, session: Session, row: Any, field: Field) -> bool:
        kind: str = row["object"]
        records, definition = self._records.get(kind), None
        if records is None:
            records = self._records["records"]
            definition = (await self._catalog.of(session, kind)).definition
        things = await records.rows.walk(session, row["filled_to"] or _BEGINNING, self._batch)
        values = [
            Valued(
                thing["id"],
                field,
                (thing["custom"] or {}).get(field.key),
                thing["archived_at"] is not None,
                thing["created_at"],
            )
            for thing in things
            if definition is None or thing["definition_id"] == definition
        ]
        await repository.insert(session, values)
        more = len(things) == self._batch
        last = things[-1]["id"] if things else row["filled_to"]
        state = "filling" if more else "ready"
        done = await session.execute(
            _ADVANCE, session.tenant, field.id, row["filled_to"], last, len(values), state, field.state
        )
        if not done:
            raise _OvertakenError
        return more

    async def _clear(self, session: Session, field: Field) -> bool:
        if await repository.clear(session, field, self._batch * 5):
            return True
        await session.execute(_END, session.tenant, field.id)
        return False

    def _forget(self, key: tuple[uuid.UUID, uuid.UUID], _: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)

    async def _quietly(self, organization: uuid.UUID, id: uuid.UUID) -> None:
        try:
            await self.fill(organization, id)
        except Exception as error:  # noqa: BLE001 - the field stays as it is, and whoever meets it goes on
            _log.warning("field %s is not filled yet: %s", id, type(error).__name__)
