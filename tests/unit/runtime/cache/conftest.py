from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tenfold.runtime.cache import Cache
from tests.clock import Clock
from tests.unit.runtime.cache.build import NOTE, PLAN, USER, Source


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def cache(clock: Clock) -> AsyncIterator[Cache]:
    """A cache of this process alone."""
    async with Cache([USER, NOTE, PLAN], clock=clock, entries=100) as cache:
        yield cache
