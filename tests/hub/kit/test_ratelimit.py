"""Rate limits: as many as were agreed, each organization for itself, in one process or over all of them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import httpx
import pytest
from msgspec import structs

from tenfold.errors import UsageError
from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.app import create_app
from tenfold_hub.kit.ratelimit import Buckets, LocalBuckets, Rate, buckets
from tenfold_hub.settings import Settings
from tests.db.runtime.cache.redis_server import RedisServer
from tests.hub.conftest import Organization, client_of

ONE, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def limited(
    db: Database, settings: Settings, telemetry: Telemetry, acme: Organization
) -> AsyncIterator[httpx.AsyncClient]:
    few = structs.replace(settings, rate="5/3600")
    app = httpx.ASGITransport(create_app(db, Cursors(settings.key), telemetry, few))
    async with client_of(app, acme.key) as client:
        yield client


async def test_each_answer_says_what_is_left_and_the_last_one_when_to_come_again(
    limited: httpx.AsyncClient,
) -> None:
    left = []
    for _ in range(5):
        answer = await limited.get("/companies")
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"organization";q=5;w=3600'
        left.append(answer.headers["ratelimit"].split(";")[1])
    assert left == ["r=4", "r=3", "r=2", "r=1", "r=0"]
    refused = await limited.get("/companies")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 720
    assert refused.headers["ratelimit"].startswith('"organization";r=0;')


async def test_a_batch_costs_more_than_a_request_and_nothing_is_written_without(
    limited: httpx.AsyncClient,
) -> None:
    items = {"items": [{"item": {"name": f"c{n}"}} for n in range(31)]}
    answer = await limited.post("/companies/batch/create", json=items)
    assert (answer.status_code, answer.headers["ratelimit"].split(";")[1]) == (200, "r=1")
    refused = await limited.post("/companies/batch/create", json=items)
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)


async def test_organizations_do_not_pay_for_each_other(
    limited: httpx.AsyncClient, globex: Organization
) -> None:
    for _ in range(6):
        last = await limited.get("/companies")
    assert last.status_code == 429
    async with client_of(limited._transport, globex.key) as other:
        assert (await other.get("/companies")).status_code == 200


async def test_a_bucket_fills_evenly_and_no_further_than_it_holds() -> None:
    now = 0.0
    kept = LocalBuckets(Rate(10, 10), lambda: now)
    assert [(await kept.take(ONE, 1))[0] for _ in range(11)] == [True] * 10 + [False]
    now = 2.5
    assert [(await kept.take(ONE, 1))[0] for _ in range(3)] == [True, True, False]
    now = 1_000.0
    assert (await kept.take(ONE, 1)) == (True, 9.0)


async def test_what_costs_more_than_a_bucket_waits_for_a_full_one() -> None:
    now = 0.0
    kept = LocalBuckets(Rate(10, 10), lambda: now)
    assert await kept.take(ONE, 25) == (True, -15.0)
    now = 14.0
    assert (await kept.take(ONE, 1))[0] is False
    now = 16.0
    assert (await kept.take(ONE, 1))[0] is True


async def test_processes_share_a_bucket_in_redis(redis: RedisServer) -> None:
    async with shared(redis) as first, shared(redis) as second:
        assert await taken(first, ONE, 6) == 6
        assert await taken(second, ONE, 6) == 4
        assert await taken(second, OTHER, 6) == 6
    assert all(0 < redis.client.pttl(key) <= 3_601_000 for key in redis.client.keys("*"))


async def test_without_redis_each_process_counts_and_nobody_is_refused_for_it(redis: RedisServer) -> None:
    async with shared(redis) as kept:
        assert await taken(kept, ONE, 10) == 10
        redis.kill()
        assert await taken(kept, ONE, 12) == 10


async def test_a_redis_that_hangs_is_not_waited_for(redis: RedisServer) -> None:
    async with shared(redis) as kept:
        redis.pause()
        assert await taken(kept, ONE, 5) == 5


@pytest.mark.parametrize("text", ["5", "0/60", "5/0", "5/x", "-5/60", "5/60/7"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="6000/60"):
        Rate.of(text)


def shared(redis: RedisServer) -> aclosing[Buckets]:
    return aclosing(buckets(Rate(10, 3_600), redis.url))


async def taken(kept: Buckets, organization: uuid.UUID, times: int) -> int:
    return sum([(await kept.take(organization, 1))[0] for _ in range(times)])
