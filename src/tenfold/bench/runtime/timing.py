"""Times several ways of doing the same, turn and turn about, so that the machine's noise hits all alike.

A round runs each contender once, for about as long as any other; the first of a round is another one each
time. One is compared with another round by round, and the median of those ratios is what counts.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from statistics import median, quantiles
from typing import Any, TypeAlias

import msgspec

from tenfold.errors import UsageError

#: Does its work so many times, and returns the seconds that took.
Batch: TypeAlias = Callable[[int], Awaitable[float]]


#: Nothing takes less, even where a round's noise says so: others are divided by it.
_LEAST = 1e-10


class Contender(msgspec.Struct, frozen=True):
    name: str
    run: Batch


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How long is measured: so many rounds, and in each so many seconds of every contender."""

    rounds: int = 31
    seconds: float = 0.05


class Timed(msgspec.Struct, frozen=True):
    """Seconds that one time took, in each round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between them lies the middle half of the rounds."""
        if len(self.rounds) == 1:
            return self.rounds[0], self.rounds[0]
        low, _, high = quantiles(self.rounds, n=4, method="inclusive")
        return low, high

    def less(self, floor: Timed) -> Timed:
        """Without what the floor took in the same round."""
        pairs = zip(self.rounds, floor.rounds, strict=True)
        return Timed(self.name, tuple(max(own - theirs, _LEAST) for own, theirs in pairs))


def ratio(ours: Timed, theirs: Timed) -> float:
    """How many times as long ours takes: the median of the rounds."""
    return median(own / other for own, other in zip(ours.rounds, theirs.rounds, strict=True))


def best(timed: Sequence[Timed]) -> Timed:
    """The one of the least median."""
    return min(timed, key=lambda each: each.median)


async def interleaved(
    contenders: Sequence[Contender], effort: Effort, told: Callable[[str], None] = lambda _: None
) -> list[Timed]:
    """Each contender's rounds, in the order of the contenders. What it takes to get warm does not count."""
    if len({each.name for each in contenders}) < len(contenders):
        raise UsageError("two contenders have one name")
    times = []
    for each in contenders:
        told(f"warming up {each.name}")
        times.append(await _times(each.run, effort.seconds))
    rounds: list[list[float]] = [[] for _ in contenders]
    collecting = gc.isenabled()
    try:
        for number in range(effort.rounds):
            for index in turns(len(contenders), number):
                told(f"round {number + 1} of {effort.rounds}: {contenders[index].name}")
                gc.collect()
                gc.disable()
                rounds[index].append(await contenders[index].run(times[index]) / times[index])
                if collecting:
                    gc.enable()
                _require_wanted()
    finally:
        if collecting:
            gc.enable()
    return [Timed(each.name, tuple(found)) for each, found in zip(contenders, rounds, strict=True)]


def turns(count: int, number: int) -> Iterator[int]:
    """The order of a round: every second one goes backward, and each begins one further on."""
    order = [(number + index) % count for index in range(count)]
    return iter(order if number % 2 == 0 else order[::-1])


def _require_wanted() -> None:
    """Raises CancelledError where we were cancelled and a library has swallowed it, as redis-py may."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _times(run: Batch, seconds: float) -> int:
    """How many times fit; it has run some of them by then, so caches are filled and statements prepared."""
    await run(1)  # what comes only once
    times = 1
    while True:
        took = await run(times)
        _require_wanted()
        if took >= seconds / 4:
            return max(1, round(times * seconds / took))
        times *= 4


# --- kinds of batches ----------------------------------------------------------------------------------


def one_by_one(call: Callable[[], Awaitable[Any]]) -> Batch:
    """Each awaited before the next: what one caller waits."""

    async def run(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            await call()
        return time.perf_counter() - start

    return run


def together(call: Callable[[], Awaitable[Any]], tasks: int) -> Batch:
    """By so many tasks at once: what the whole process gets done."""

    async def run(times: int) -> float:
        left = iter(range(times))

        async def work() -> None:
            for _ in left:
                await call()

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(tasks, times)):
                group.create_task(work())
        return time.perf_counter() - start

    return run


def over(keys: Sequence[Any], call: Callable[[Any], Any]) -> Batch:
    """A plain call for each key, over and over; one time is one key."""

    async def run(times: int) -> float:
        repeats = range(max(1, times // len(keys)))
        start = time.perf_counter()
        for _ in repeats:
            for key in keys:
                call(key)
        return (time.perf_counter() - start) * times / (len(repeats) * len(keys))

    return run


def awaited_over(keys: Sequence[Any], call: Callable[[Any], Awaitable[Any]]) -> Batch:
    """`over` for what is awaited."""

    async def run(times: int) -> float:
        repeats = range(max(1, times // len(keys)))
        start = time.perf_counter()
        for _ in repeats:
            for key in keys:
                await call(key)
        return (time.perf_counter() - start) * times / (len(repeats) * len(keys))

    return run


def empty_over(keys: Sequence[Any]) -> Batch:
    """The loop of `over` alone."""

    async def run(times: int) -> float:
        repeats = range(max(1, times // len(keys)))
        start = time.perf_counter()
        for _ in repeats:
            for _ in keys:
                pass
        return (time.perf_counter() - start) * times / (len(repeats) * len(keys))

    return run
