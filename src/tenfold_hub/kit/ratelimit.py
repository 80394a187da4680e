"""Rate limits of organizations: a token bucket for each, in this process or, for all processes, in Redis.

A bucket holds as many tokens as the window has requests, and fills evenly. A request takes one token, a batch
one for every ten items. Where Redis does not answer, each process counts for itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import msgspec

from tenfold.errors import UsageError
from tenfold_hub.kit.problems import Problem, document_json

#: Items of a batch that cost as much as one request.
ITEMS_PER_TOKEN = 10
#: Organizations that a process remembers; whoever is forgotten has a full bucket again.
_REMEMBERED = 50_000
#: Seconds that Redis has for an answer, and for which it is not asked again after it had none.
_PATIENCE, _PAUSE = 0.1, 1.0

Scope: TypeAlias = dict[str, Any]
_log = logging.getLogger("tenfold_hub")

# The bucket is a hash of its level and the time of that, by the clock of Redis. It is gone once it is full.
_TAKE = """
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = limit
if kept[1] then
  level = math.min(limit, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * limit / window)
end
local allowed = 0
if level >= math.min(cost, limit) then
  level = level - cost
  allowed = 1
end
redis.call('HSET', KEYS[1], 'level', string.format('%.6f', level), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((limit - level) * window / limit * 1000) + 1000)
return {allowed, string.format('%.6f', level)}
"""


class Rate(msgspec.Struct, frozen=True):
    """So many requests in so many seconds."""

    limit: int
    window: int

    @classmethod
    def of(cls, text: str) -> Rate | None:
        """Of `6000/60`; None of an empty text. Raises UsageError."""
        if not text:
            return None
        limit, _, window = text.partition("/")
        if not (limit.isdecimal() and window.isdecimal() and int(limit) and int(window)):
            raise UsageError("a rate is requests and seconds, such as 6000/60")
        return cls(int(limit), int(window))


class Buckets(Protocol):
    async def take(self, organization: uuid.UUID, cost: int) -> tuple[bool, float]:
        """Whether it may, and what is left: less than nothing where a batch took more than there was."""
        ...

    async def aclose(self) -> None: ...


class LocalBuckets:
    """Of this process."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._kept: OrderedDict[uuid.UUID, tuple[float, float]] = OrderedDict()

    async def take(self, organization: uuid.UUID, cost: int) -> tuple[bool, float]:
        return self.take_now(organization, cost)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def take_now(self, organization: uuid.UUID, cost: int) -> tuple[bool, float]:
        limit, now = self._rate.limit, self._clock()
        kept = self._kept.pop(organization, None)
        level = float(limit)
        if kept is not None:
            level = min(limit, kept[0] + (now - kept[1]) * limit / self._rate.window)
        # What costs more than a full bucket is let through by a full one, and paid for afterwards.
        allowed = level >= min(cost, limit)
        if allowed:
            level -= cost
        self._kept[organization] = level, now
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return allowed, level


class SharedBuckets:
    """Of all processes; of this one alone while Redis is gone."""

    def __init__(self, rate: Rate, redis: Any, prefix: str = "tenfold:hub:rate:") -> None:
        self._rate, self._redis, self._prefix = rate, redis, prefix
        self._take = redis.register_script(_TAKE)
        self._local = LocalBuckets(rate)
        self._silent_until = 0.0

    async def take(self, organization: uuid.UUID, cost: int) -> tuple[bool, float]:
        from redis.exceptions import RedisError

        if time.monotonic() < self._silent_until:
            return self._local.take_now(organization, cost)
        try:
            async with asyncio.timeout(_PATIENCE):
                allowed, level = await self._take(
                    keys=[f"{self._prefix}{organization}"], args=[self._rate.limit, self._rate.window, cost]
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + _PAUSE
            _log.warning("rate limits: Redis does not answer (%s); each process counts", type(error).__name__)
            return self._local.take_now(organization, cost)
        return bool(allowed), float(level)

    async def aclose(self) -> None:
        await self._redis.aclose()


def buckets(rate: Rate, redis: str) -> Buckets:
    """Shared by all processes where there is a Redis."""
    if not redis:
        return LocalBuckets(rate)
    from redis.asyncio import Redis

    return SharedBuckets(rate, Redis.from_url(redis, socket_timeout=_PATIENCE))


class Meter:
    """Of one request: what it has cost."""

    __slots__ = ("_buckets", "_organization", "level", "rate")

    def __init__(self, rate: Rate, buckets: Buckets, organization: uuid.UUID) -> None:
        self.rate, self._buckets, self._organization = rate, buckets, organization
        self.level = 0.0

    async def charge(self, cost: int) -> None:
        """Raises Problem `rate_limited`."""
        allowed, self.level = await self._buckets.take(self._organization, cost)
        if not allowed:
            missing = min(cost, self.rate.limit) - self.level
            wait = max(1, math.ceil(missing * self.rate.window / self.rate.limit))
            said = f"at most {self.rate.limit:,} requests in {self.rate.window} seconds"
            raise Problem("rate_limited", said, headers={"Retry-After": str(wait)})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As draft-ietf-httpapi-ratelimit-headers has them: r is left, and all in t seconds."""
        rate, left = self.rate, max(0, math.floor(self.level))
        full = math.ceil((rate.limit - self.level) * rate.window / rate.limit)
        return [
            (b"ratelimit-policy", b'"organization";q=%d;w=%d' % (rate.limit, rate.window)),
            (b"ratelimit", b'"organization";r=%d;t=%d' % (left, full)),
        ]


async def charge_items(scope: Any, items: int) -> None:
    """What a batch costs beyond the one request that it is. Raises Problem `rate_limited`."""
    meter: Meter | None = scope["state"].get("meter")
    extra = -(-items // ITEMS_PER_TOKEN) - 1
    if meter is not None and extra > 0:
        await meter.charge(extra)


class RateLimits:
    """ASGI middleware, behind whoever finds out who asks: requests of nobody are not counted."""

    def __init__(self, app: Any, rate: Rate, buckets: Buckets) -> None:
        self._app, self._rate, self._buckets = app, rate, buckets

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        principal = scope["state"].get("principal") if scope["type"] == "http" else None
        if principal is None:
            await self._app(scope, receive, send)
            return
        meter = scope["state"]["meter"] = Meter(self._rate, self._buckets, principal.organization)
        try:
            await meter.charge(1)
        except Problem as problem:
            await _refuse(problem, meter, send)
            return

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *meter.headers()]
            await send(message)

        await self._app(scope, receive, counted)


async def _refuse(problem: Problem, meter: Meter, send: Any) -> None:
    body = document_json(problem, "")
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    headers += [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        *meter.headers(),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
