from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from tenfold.bench.runtime.timing import (
    Batch,
    Contender,
    Effort,
    Timed,
    awaited_over,
    best,
    empty_over,
    interleaved,
    one_by_one,
    over,
    ratio,
    together,
    turns,
)
from tenfold.errors import UsageError


class Recorded:
    """Contenders that take as long as they say, and remember in which order they ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []

    def contender(self, name: str, *seconds: float) -> Contender:
        """Of these seconds for each time; the last of them from then on."""
        left = list(seconds)

        async def run(times: int) -> float:
            self.ran.append((name, times))
            return times * (left.pop(0) if len(left) > 1 else left[0])

        return Contender(name, run)


async def test_each_round_runs_every_contender_once_and_begins_with_another() -> None:
    recorded = Recorded()
    contenders = [recorded.contender(name, 0.01) for name in "abc"]
    await interleaved(contenders, Effort(rounds=4, seconds=0.04))
    names = "".join(name for name, _ in recorded.ran)
    assert names.endswith("abcacbcabcba")


def test_over_as_many_rounds_as_there_are_contenders_each_is_first_once() -> None:
    assert {tuple(sorted(turns(4, number))) for number in range(4)} == {(0, 1, 2, 3)}
    assert sorted(next(turns(3, number)) for number in (0, 2, 4)) == [0, 1, 2]


async def test_each_runs_as_often_as_fills_its_time_however_long_one_takes() -> None:
    recorded = Recorded()
    contenders = [recorded.contender("fast", 0.001), recorded.contender("slow", 0.05)]
    await interleaved(contenders, Effort(rounds=1, seconds=0.2))
    assert recorded.ran[-2:] == [("fast", 200), ("slow", 4)]


async def test_what_comes_only_once_does_not_count_as_the_time_of_one() -> None:
    recorded = Recorded()
    (timed,) = await interleaved([recorded.contender("a", 5.0, 0.01)], Effort(rounds=3, seconds=0.1))
    assert recorded.ran[-1] == ("a", 10)
    assert timed.rounds == pytest.approx((0.01, 0.01, 0.01))


async def test_what_takes_longer_than_a_round_runs_once() -> None:
    recorded = Recorded()
    await interleaved([recorded.contender("a", 3.0)], Effort(rounds=1, seconds=0.1))
    assert recorded.ran[-1] == ("a", 1)


async def test_a_round_is_the_time_of_one() -> None:
    recorded = Recorded()
    timed = await interleaved(
        [recorded.contender("a", 0.5, 0.5, 0.5, 0.25), recorded.contender("b", 1.0)],
        Effort(rounds=2, seconds=0.5),
    )
    assert [each.name for each in timed] == ["a", "b"]
    assert timed[0].rounds == (0.5, 0.25)


async def test_two_of_one_name_are_refused() -> None:
    recorded = Recorded()
    with pytest.raises(UsageError, match="one name"):
        await interleaved([recorded.contender("a", 1.0), recorded.contender("a", 1.0)], Effort())


async def test_the_collector_is_as_it_was_even_after_a_failure() -> None:
    collecting = []

    async def run(times: int) -> float:
        collecting.append(gc.isenabled())
        if len(collecting) == 4:
            raise OSError("the server is gone")
        return 1.0

    with pytest.raises(OSError, match="gone"):
        await interleaved([Contender("a", run)], Effort(rounds=3))
    assert collecting == [True, True, False, False]
    assert gc.isenabled()


async def test_a_contender_that_swallows_the_cancellation_does_not_keep_the_others_running() -> None:
    ran: list[int] = []
    under_way = asyncio.Event()

    async def run(times: int) -> float:
        ran.append(times)
        if len(ran) == 4:
            under_way.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return 1.0

    task = asyncio.create_task(interleaved([Contender("a", run)], Effort(rounds=9)))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(ran) == 4
    assert gc.isenabled()


def test_the_median_and_where_its_middle_half_lies() -> None:
    timed = Timed("a", (5.0, 1.0, 2.0, 3.0, 4.0))
    assert timed.median == 3.0
    assert timed.quartiles == (2.0, 4.0)
    assert Timed("a", (7.0,)).quartiles == (7.0, 7.0)


def test_a_ratio_is_that_of_the_rounds_and_not_of_the_medians() -> None:
    # The second round was slow for both.
    ours, theirs = Timed("ours", (2.0, 20.0, 3.0)), Timed("theirs", (1.0, 10.0, 9.0))
    assert ratio(ours, theirs) == 2.0


def test_a_floor_is_taken_off_round_by_round_and_leaves_something_to_divide_by() -> None:
    floor = Timed("loop", (1.0, 4.0, 2.0))
    net = Timed("a", (3.0, 5.0, 1.0)).less(floor)
    assert net.rounds[:2] == (2.0, 1.0)
    assert 0 < net.rounds[2] < 1e-9
    assert ratio(Timed("b", (4.0, 4.0, 4.0)), net) == 4.0


def test_the_best_has_the_least_median() -> None:
    assert best([Timed("a", (1.0, 9.0, 9.0)), Timed("b", (2.0, 2.0, 8.0))]).name == "b"


# --- batches -------------------------------------------------------------------------------------------


async def test_one_by_one_awaits_each_before_the_next() -> None:
    under_way, most, done = 0, 0, 0

    async def call() -> None:
        nonlocal under_way, most, done
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        done += 1

    assert await one_by_one(call)(7) > 0
    assert (most, done) == (1, 7)
    most = done = 0
    assert await together(call, 3)(7) > 0
    assert (most, done) == (3, 7)


@pytest.mark.parametrize("times", [3, 6, 7])
async def test_a_batch_over_keys_asks_for_whole_rounds_of_them_and_tells_the_time_of_what_was_asked(
    times: int,
) -> None:
    asked: list[str] = []

    async def awaited(key: str) -> None:
        asked.append(key)

    batches: list[Batch] = [over("abc", asked.append), awaited_over("abc", awaited), empty_over("abc")]
    for batch in batches:
        asked.clear()
        assert await batch(times) > 0
        assert asked == (list("abc") * (times // 3) if batch is not batches[2] else [])
