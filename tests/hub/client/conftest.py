"""A hub as its client sees it, with what works beside requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tenfold_hub.client import Hub, Patience
from tests.hub.conftest import Organization
from tests.hub.exchange.conftest import background, idle, receiver, settings

__all__ = ["background", "idle", "receiver", "settings"]

ADDRESS = "http://hub"


@pytest.fixture
async def hub(app: httpx.ASGITransport, acme: Organization) -> AsyncIterator[Hub]:
    """Asks as Acme."""
    async with Hub(ADDRESS, acme.key, transport=app, patience=Patience(attempts=2)) as hub:
        yield hub


@pytest.fixture
async def other_hub(app: httpx.ASGITransport, globex: Organization) -> AsyncIterator[Hub]:
    """Asks as Globex."""
    async with Hub(ADDRESS, globex.key, transport=app) as hub:
        yield hub
