"""A read of more than one trip to the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenfold.runtime.cache.shared import Shared


class Link:
    """Answers that nothing is there, under a fence that is another one at each trip."""

    up = True

    def __init__(self) -> None:
        self.trips = 0

    async def run(self, script: object, keys: Sequence[str], arguments: Sequence[Any]) -> list[Any] | None:
        self.trips += 1
        n = arguments[0]
        fences = len(keys) - 2 * n
        token = f"token {self.trips}".encode()
        return [*[None] * n, *[-1] * n, *[token] * fences, *[b"lease"] * n]


async def test_of_two_tokens_of_a_fence_the_older_one_counts() -> None:
    link = Link()
    read = await Shared(link).read([f"v{number}" for number in range(600)], ["scope"], 1)
    assert (link.trips, read.fences) == (3, ["token 1"])
    assert (len(read.values), len(read.remaining_ms), len(read.leases)) == (600, 600, 600)


async def test_a_line_that_goes_down_in_the_middle_has_nothing() -> None:
    class Failing(Link):
        async def run(self, *what: Any) -> list[Any] | None:
            return await super().run(*what) if self.trips < 1 else None

    assert await Shared(Failing()).read([f"v{number}" for number in range(600)], ["scope"], 1) is None
