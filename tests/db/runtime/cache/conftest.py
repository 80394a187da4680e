from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tenfold.runtime.cache import Cache
from tests.db.runtime.cache.redis_server import RedisServer
from tests.unit.runtime.cache.build import NOTE, PLAN, USER, Source
from tests.waiting import until


@pytest.fixture
def application() -> str:
    return f"app{secrets.token_hex(4)}"


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def processes(redis_server: RedisServer, application: str) -> AsyncIterator[Callable[..., Any]]:
    """Makes caches on one server, each as another process would have it; open, and sure of their line."""
    async with AsyncExitStack() as ends:

        async def process(*namespaces: Any, **settings: Any) -> Cache:
            settings = {"url": redis_server.url, "application": application, **settings}
            cache = await ends.enter_async_context(Cache(namespaces or [USER, NOTE, PLAN], **settings))
            await until(lambda: cache.statistics().connected, "the line to the server")
            await cache.caught_up()
            return cache

        yield process
