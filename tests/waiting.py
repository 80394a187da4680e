"""Waits for what other processes and sessions do; no test waits for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_PATIENCE_SECONDS = 60
#: Between two looks.
_PAUSE_SECONDS = 0.01


def await_condition(holds: Callable[[], object], what: object = "") -> None:
    """Returns as soon as it holds. Fails, and says what was waited for, where it comes never."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(_PAUSE_SECONDS)


async def until(holds: Callable[[], object], what: object = "") -> None:
    """The same for what happens in the event loop."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        await asyncio.sleep(_PAUSE_SECONDS)
