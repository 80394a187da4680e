"""Sends what webhooks want, and notes what became of it.

Changes become deliveries (`FanOut`); a wake-up for each webhook follows in the same transaction. A webhook is
served by one call at a time (`Deliverer`): a slow one has one place among many and keeps nobody else waiting.
Within a call objects go side by side, and what concerns one object goes in order.
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import random
import ssl
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from tenfold.errors import TenfoldError
from tenfold.runtime import Database, Row, Session
from tenfold.runtime.outbox import Event, NewEvent, Outbox
from tenfold_hub.exchange import deliveries
from tenfold_hub.exchange.addresses import AddressError, Addresses
from tenfold_hub.exchange.deliveries import Told, Wanted
from tenfold_hub.exchange.signing import headers
from tenfold_hub.exchange.topics import matches
from tenfold_hub.exchange.vault import Vault
from tenfold_hub.kit.ids import shown

#: The topic of the outbox under which a webhook is woken; the key is its id.
WAKE = "webhooks"

#: Seconds after the first, second ... attempt that failed; the last one repeats.
BACK_OFF = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200)
#: Seconds after which no more is tried.
LONGEST = 3 * 86_400
#: Deliveries of one call, and how many of them go side by side.
MOST_AT_ONCE, SIDE_BY_SIDE = 200, 8
#: Failures one after the other, after which a call leaves the rest for later.
_ENOUGH = 3
_GONE = 410


class Waiting(TenfoldError):
    """Deliveries are to be tried again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds: for one request, and for a call with all its requests."""

    request: float = 10.0
    call: float = 20.0


class FanOut:
    """Consumes changes, many at once: who wants them?"""

    def __init__(self, db: Database, outbox: Outbox) -> None:
        self._db, self._outbox = db, outbox

    async def __call__(self, events: Sequence[Event]) -> None:
        by_tenant: defaultdict[Any, list[Event]] = defaultdict(list)
        for event in events:
            by_tenant[event.tenant].append(event)
        for tenant, own in by_tenant.items():
            async with self._db.tenant(tenant) as session:
                await self._for(session, own)

    async def _for(self, session: Session, events: Sequence[Event]) -> None:
        webhooks = await deliveries.active(session)
        wanted = [
            Wanted(
                webhook=id,
                event=event.id,
                topic=event.payload["topic"],
                object=event.key,
                payload=event.payload["data"],
                at=event.created_at,
            )
            for event in events
            for id, patterns in webhooks.items()
            if matches(patterns, event.payload["topic"])
        ]
        if wanted:
            await deliveries.add(session, wanted)
            await wake(session, self._outbox, {each.webhook for each in wanted})


async def wake(session: Session, outbox: Outbox, webhooks: set[uuid.UUID]) -> None:
    """Has what is due sent, after the commit."""
    await outbox.publish_many(session, [NewEvent(WAKE, str(id)) for id in sorted(webhooks)])


class Deliverer:
    """Consumes wake-ups. `trusted` are certificates to trust, where they are not the usual ones."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        vault: Vault,
        addresses: Addresses,
        *,
        times: Times = Times(),
        back_off: Sequence[float] = BACK_OFF,
        longest: float = LONGEST,
        trusted: ssl.SSLContext | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._db, self._outbox, self._vault, self._addresses = db, outbox, vault, addresses
        self._times, self._back_off, self._longest, self._chance = times, back_off, longest, chance
        self._trusted = trusted or ssl.create_default_context()

    def hurried(self, times: Times, back_off: Sequence[float]) -> Deliverer:
        """The same with other pauses."""
        made = copy.copy(self)
        made._times, made._back_off = times, back_off
        return made

    async def __call__(self, event: Event) -> None:
        """Raises Waiting where something is left for later: the outbox then comes again."""
        id = uuid.UUID(event.key)
        async with self._db.tenant(event.tenant) as session:
            webhook = await deliveries.webhook(session, id)
            if webhook is None:
                return
            if webhook["archived_at"] is not None:
                await deliveries.discard(session, id)
                return
            if not webhook["active"]:
                return
            rows = await deliveries.due(session, id, MOST_AT_ONCE)
            secrets = await self._vault.live(session, id)
        told = await self._send_all(webhook["url"], secrets, rows) if rows else []
        async with self._db.tenant(event.tenant) as session:
            if told:
                await deliveries.tell(session, told)
            if any(each.answered == _GONE for each in told):
                await session.execute(_DISABLE, session.tenant, id)
                return
            left = await deliveries.waiting(session, id)
            stuck = bool(told) and all(each.status != "delivered" for each in told)
            if left and not stuck:
                await wake(session, self._outbox, {id})
        if left is False or (left and stuck):
            raise Waiting("deliveries of a webhook wait for another attempt")

    async def _send_all(self, url: str, secrets: Sequence[str], rows: Sequence[Row]) -> list[Told]:
        by_object: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_object[row["object"]].append(row)
        told: list[Told] = []
        until = time.monotonic() + self._times.call
        waiting = iter(by_object.values())
        failures = 0

        async def serve() -> None:
            nonlocal failures
            for own in waiting:
                for row in own:
                    if failures >= _ENOUGH or time.monotonic() + self._times.request > until:
                        return
                    told.append(await self._send(client, url, secrets, row))
                    if told[-1].status == "delivered":
                        failures = 0
                        continue
                    failures += _ENOUGH if told[-1].answered == _GONE else 1
                    if told[-1].status == "pending":
                        break

        limits = httpx.Limits(max_connections=SIDE_BY_SIDE, keepalive_expiry=self._times.call)
        async with httpx.AsyncClient(
            verify=self._trusted, timeout=self._times.request, limits=limits, trust_env=False
        ) as client:
            await asyncio.gather(*(serve() for _ in range(min(SIDE_BY_SIDE, len(by_object)))))
        return told

    async def _send(self, client: httpx.AsyncClient, url: str, secrets: Sequence[str], row: Row) -> Told:
        began, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        body = msgspec.json.encode(
            {
                "type": row["topic"],
                "timestamp": row["created_at"],
                "data": msgspec.Raw(row["payload"].encode()),
            }
        )
        answered, error = None, None
        try:
            async with asyncio.timeout(self._times.request):
                answered = await self._post(
                    client,
                    url,
                    body,
                    headers(shown("evt", row["event_id"]), int(began.timestamp()), body, secrets),
                )
            if not 200 <= answered < 300:
                error = f"answered {answered}"
        except AddressError as refused:
            error = str(refused)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as failed:
            error = type(failed).__name__
        return self._judged(row, answered, error, began, int((time.monotonic() - clock) * 1_000))

    async def _post(self, client: httpx.AsyncClient, url: str, body: bytes, signed: dict[str, str]) -> int:
        """Connects to the address that was checked, as the host that it is the address of."""
        target = httpx.URL(url)
        self._addresses.require(url)
        port = target.port or (443 if target.scheme == "https" else 80)
        address = await self._addresses.of(target.host, port)
        request = client.build_request(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers={
                "Host": target.netloc.decode(),
                "Content-Type": "application/json",
                "User-Agent": "tenfold-hub",
                **signed,
            },
            extensions={"sni_hostname": target.host},
        )
        # What it says is nobody's business: it is not read.
        response = await client.send(request, stream=True, follow_redirects=False)
        await response.aclose()
        return response.status_code

    def _judged(
        self, row: Row, answered: int | None, error: str | None, began: datetime.datetime, ms: int
    ) -> Told:
        status, pause = "delivered", 0.0
        if error is not None:
            pause = self._back_off[min(row["attempts"], len(self._back_off) - 1)]
            pause *= 0.9 + self._chance() / 5
            late = (began - row["since"]).total_seconds() + pause > self._longest
            status = "failed" if late or answered == _GONE else "pending"
        return Told(id=row["id"], status=status, answered=answered, error=error, at=began, pause=pause, ms=ms)


_DISABLE = """
UPDATE exchange.webhooks
   SET active = false, disabled_reason = 'it answered 410: gone', version = version + 1, updated_at = now()
 WHERE organization_id = $1 AND id = $2 AND active
"""
