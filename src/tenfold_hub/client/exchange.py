"""Imports, exports and webhooks."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tenfold_hub.client.errors import WaitedError
from tenfold_hub.client.schema import (
    Delivery,
    Export,
    Import,
    ImportBlanks,
    ImportFormat,
    ImportMode,
    NewExport,
    NewSecret,
    NewWebhook,
    Replay,
    Replayed,
    Rotation,
    Webhook,
    WebhookPatch,
    WebhookWithSecret,
)
from tenfold_hub.client.things import Reads, Restores, Updates

J = TypeVar("J", Import, Export)

#: A file: where it is, or all of it.
File = Path | bytes
_PIECE = 1 << 20
_TYPES: Mapping[str, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_ENDED = frozenset({"done", "failed", "canceled"})
#: Seconds that a hub has to read a whole file before it answers.
_BUSY = 900.0
#: Seconds between two looks at a job: at first, and at most.
_SOON, _LATER = 0.1, 5.0


class Refused(msgspec.Struct, frozen=True):
    """A row of an import that was wrong: its line in the file, its cells by column, and why."""

    line: int
    error: str
    row: dict[str, str]


class Jobs(Reads[J]):
    """Work that goes on after the request that began it."""

    async def cancel(self, id: str) -> J:
        return await self._post(self._shown, "/{id}/cancel", id)

    async def wait(
        self, id: str, *, timeout: float | None = None, told: Callable[[J], None] | None = None
    ) -> J:
        """The job once it has ended, well or not: see its `status`. `told` hears how far it is.

        Raises WaitedError after `timeout` seconds; the job goes on.
        """
        pause = _SOON
        try:
            async with asyncio.timeout(timeout):
                while (job := await self.get(id)).status not in _ENDED:
                    if told is not None:
                        told(job)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LATER)
        except TimeoutError:
            raise WaitedError(f"the job {id} has not ended in {timeout:g} s; it goes on") from None
        return job


class Imports(Jobs[Import]):
    async def start(
        self,
        kind: str,
        file: File,
        *,
        format: ImportFormat = "csv",
        mode: ImportMode = "upsert",
        mapping: Mapping[str, str | None] | None = None,
        match: Mapping[str, str] | None = None,
        blanks: ImportBlanks = "keep",
        key: str | None = None,
    ) -> Import:
        """Sends a file, of things of `kind`. `mapping` says which field each column is, None to leave it out;
        `match`, by which field a thing is known. Raises ProblemError for what cannot be imported as it is.
        """
        query = [("kind", kind), ("format", format), ("mode", mode), ("blanks", blanks)]
        for name, given in (("mapping", mapping), ("match", match)):
            if given is not None:
                query.append((name, msgspec.json.encode(given).decode()))
        headers = {"Content-Type": _TYPES[format]}
        content: Any = file if isinstance(file, bytes) else lambda: _pieces(file)
        call = self._call("POST", query=query, headers=headers, content=content, key=key, busy=_BUSY)
        return await self._sender.send(call, Import)

    async def refused(self, id: str) -> Sequence[Refused]:
        """The rows that were wrong, in the order of the file."""
        async with self._sender.answered(self._call("GET", "/{id}/failed.csv", id)) as answer:
            text = (await answer.aread()).decode()
        rows = csv.DictReader(io.StringIO(text))
        return [Refused(line=int(row.pop("line")), error=row.pop("error"), row=row) for row in rows]


class Exports(Jobs[Export]):
    async def start(self, new: NewExport, *, key: str | None = None) -> Export:
        return await self._post(Export, json=new, key=key)

    async def pieces(self, id: str) -> AsyncIterator[bytes]:
        """The file, piece by piece, of an export that is done."""
        async with self._sender.answered(self._call("GET", "/{id}/file", id)) as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    async def save(self, id: str, to: Path) -> int:
        """Writes the file, and says how many bytes it has."""
        size = 0
        with to.open("wb") as file:
            async for piece in self.pieces(id):
                size += await asyncio.to_thread(file.write, piece)
        return size


class Webhooks(Updates[Webhook, WebhookPatch], Restores[Webhook]):
    async def create(self, new: NewWebhook, *, key: str | None = None) -> WebhookWithSecret:
        """The secret is shown this once. It is None where that answer was lost on its way: rotate it then."""
        return await self._post(WebhookWithSecret, json=new, key=key)

    async def rotate_secret(self, id: str, rotation: Rotation | None = None) -> NewSecret:
        """The former secret goes on signing beside the new one for a while."""
        return await self._post(NewSecret, "/{id}/rotate-secret", id, json=rotation or Rotation())

    async def test(self, id: str) -> Delivery:
        """Sends it `hub.ping`."""
        return await self._post(Delivery, "/{id}/test", id)

    async def replay(self, id: str, replay: Replay) -> Replayed:
        return await self._post(Replayed, "/{id}/replay", id, json=replay)


class Deliveries(Reads[Delivery]):
    async def replay(self, id: str) -> Delivery:
        return await self._post(Delivery, "/{id}/replay", id)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
