from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from tenfold.errors import LoaderError, TenantError
from tenfold.runtime.loaders import Loader
from tenfold.runtime.tenant import TenantId

tenant: contextvars.ContextVar[TenantId | None] = contextvars.ContextVar("tenant", default=None)


@pytest.fixture(autouse=True)
def seven() -> Any:
    token = tenant.set(7)
    yield
    tenant.reset(token)


class Source:
    """Rows by key, and a gate that a test can close to hold a call under way."""

    def __init__(self, rows: Mapping[Any, Any] | None = None) -> None:
        self.rows = dict(rows or {})
        self.calls: list[list[Any]] = []
        self.tenants: list[TenantId] = []
        self.open = asyncio.Event()
        self.open.set()
        self.called = asyncio.Event()
        self.fails: Exception | None = None

    async def __call__(self, tenant: TenantId, keys: list[Any]) -> Mapping[Any, Any]:
        found = {key: self.rows[key] for key in keys if key in self.rows}
        self.calls.append(keys)
        self.tenants.append(tenant)
        self.called.set()
        await self.open.wait()
        if self.fails is not None:
            raise self.fails
        return found


def loader_of(source: Any, **options: Any) -> Loader[Any, Any]:
    return Loader(source, current=tenant.get, **options)


async def test_what_is_asked_for_together_is_one_call_in_which_each_key_is_once() -> None:
    source = Source({1: "one", 2: "two"})
    loader = loader_of(source)

    async def nested() -> list[Any]:
        return [await loader.load(1), *await loader.load_many([2, 3, 2])]

    found = await asyncio.gather(loader.load(1), loader.load(2), nested(), loader.load(3))
    assert found[:2] == ["one", "two"]
    assert found[2:] == [["one", "two", None, "two"], None]
    assert source.calls[0] == [1, 2, 3]
    assert source.tenants[0] == 7
    assert len(source.calls) == 1


async def test_what_was_loaded_is_kept_also_that_there_is_no_row() -> None:
    source = Source({1: "one"})
    loader = loader_of(source)
    for _ in range(2):
        assert await loader.load_many([1, 2]) == ["one", None]
    assert source.calls == [[1, 2]]


async def test_calls_are_no_larger_than_allowed_and_follow_each_other() -> None:
    under_way = 0

    async def fetch(tenant: TenantId, keys: list[int]) -> dict[int, int]:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0)
        under_way -= 1
        sizes.append(len(keys))
        return {key: key * 10 for key in keys}

    sizes: list[int] = []
    loader = loader_of(fetch, most_keys=3)
    assert await loader.load_many(range(8)) == [key * 10 for key in range(8)]
    assert sizes == [3, 3, 2]


async def test_keys_that_arrive_during_a_call_are_the_next_call() -> None:
    source = Source({1: "one", 2: "two", 3: "three"})
    source.open.clear()
    loader = loader_of(source)
    first = asyncio.ensure_future(loader.load(1))
    await source.called.wait()
    more = asyncio.gather(loader.load(2), loader.load(3), loader.load(1))
    await asyncio.sleep(0)
    source.open.set()
    assert [await first, *await more] == ["one", "two", "three", "one"]
    assert source.calls == [[1], [2, 3]]


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_waiter_that_is_cancelled_takes_nothing_from_the_others(cancelled: int) -> None:
    source = Source({1: "one", 2: "two"})
    source.open.clear()
    loader = loader_of(source)
    tasks = [asyncio.ensure_future(loader.load(key)) for key in (1, 1, 2)]
    await source.called.wait()
    tasks[cancelled].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[cancelled]
    source.open.set()
    expected = ["one", "one", "two"]
    for place, task in enumerate(tasks):
        if place != cancelled:
            assert await task == expected[place]
    assert await loader.load_many([1, 2]) == ["one", "two"]
    assert len(source.calls) == 1


async def test_a_call_goes_on_when_all_that_waited_are_cancelled() -> None:
    source = Source({1: "one"})
    source.open.clear()
    loader = loader_of(source)
    task = asyncio.ensure_future(loader.load(1))
    await source.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    source.open.set()
    assert await loader.load(1) == "one"
    assert source.calls == [[1]]


async def test_a_failure_reaches_all_who_wait_for_its_keys_and_is_not_kept() -> None:
    source = Source({1: "one"})
    source.fails = RuntimeError("gone")
    loader = loader_of(source)
    outcomes = await asyncio.gather(loader.load(1), loader.load(1), loader.load(2), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["gone"] * 3
    source.fails = None
    assert await loader.load_many([1, 2]) == ["one", None]


async def test_a_failure_of_one_call_leaves_the_others() -> None:
    async def fetch(tenant: TenantId, keys: list[int]) -> dict[int, int]:
        if 2 in keys:
            raise RuntimeError("gone")
        return {key: key for key in keys}

    loader = loader_of(fetch, most_keys=1)
    outcomes = await asyncio.gather(*map(loader.load, (1, 2, 3)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [1, 3]
    assert isinstance(outcomes[1], RuntimeError)


async def test_a_failure_nobody_waits_for_any_more_disturbs_nobody() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    source = Source()
    source.open.clear()
    source.fails = RuntimeError("gone")
    loader = loader_of(source)
    task = asyncio.ensure_future(loader.load(1))
    await source.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    source.open.set()
    with pytest.raises(RuntimeError):
        await loader.load_many([1, 2, 3])
    await loader.aclose()
    del task, loader, source
    # The loop lets go of the last step's objects in its next.
    await asyncio.sleep(0)
    gc.collect()
    assert told == []


async def test_after_a_write_the_next_load_asks_again() -> None:
    source = Source({1: "old", 2: "two"})
    loader = loader_of(source)
    assert await loader.load_many([1, 2]) == ["old", "two"]
    source.rows[1] = "new"
    loader.clear(1)
    assert await loader.load_many([1, 2]) == ["new", "two"]
    assert source.calls == [[1, 2], [1]]
    source.rows |= {1: "newer", 2: "newer too"}
    loader.clear_all()
    assert await loader.load_many([1, 2]) == ["newer", "newer too"]


@pytest.mark.parametrize("everything", [False, True])
async def test_a_load_under_way_during_a_write_does_not_bring_the_old_row_back(everything: bool) -> None:
    source = Source({1: "old"})
    source.open.clear()
    loader = loader_of(source)
    before = asyncio.ensure_future(loader.load(1))
    await source.called.wait()
    source.rows[1] = "new"
    loader.clear_all() if everything else loader.clear(1)
    after = asyncio.ensure_future(loader.load(1))
    await asyncio.sleep(0)
    source.open.set()
    assert await before == "old"
    assert await after == "new"
    assert await loader.load(1) == "new"
    assert source.calls == [[1], [1]]


async def test_a_key_cleared_before_its_call_is_asked_for_once() -> None:
    source = Source({1: "one"})
    loader = loader_of(source)
    waiting = asyncio.ensure_future(loader.load(1))
    asyncio.get_running_loop().call_soon(loader.clear, 1)
    assert await waiting == "one"
    assert await loader.load(1) == "one"
    assert source.calls == [[1]]


async def test_a_key_primed_before_its_call_is_not_asked_for() -> None:
    source = Source({1: "one"})
    loader = loader_of(source)
    waiting = asyncio.ensure_future(loader.load(1))
    asyncio.get_running_loop().call_soon(loader.prime, 1, "primed")
    assert await waiting == "primed"
    assert await loader.load(1) == "primed"
    assert source.calls == []


async def test_what_is_primed_is_not_asked_for() -> None:
    source = Source({1: "old", 2: "two"})
    loader = loader_of(source)
    loader.prime(1, "primed")
    loader.prime(3, None)
    assert await loader.load_many([1, 2, 3]) == ["primed", "two", None]
    loader.prime(2, "newer")
    assert await loader.load(2) == "newer"
    assert source.calls == [[2]]


async def test_what_is_primed_during_a_load_stays() -> None:
    source = Source({1: "old"})
    source.open.clear()
    loader = loader_of(source)
    before = asyncio.ensure_future(loader.load(1))
    await source.called.wait()
    loader.prime(1, "primed")
    source.open.set()
    assert await before == "old"
    assert await loader.load(1) == "primed"


async def test_a_loader_is_of_one_tenant() -> None:
    source = Source({1: "one"})
    loader = loader_of(source)
    assert await loader.load(1) == "one"
    for other in (8, None):
        token = tenant.set(other)
        for use in (
            lambda: loader.load(1),
            lambda: loader.load(2),
            lambda: loader.load_many([1]),
        ):
            with pytest.raises(TenantError):
                await use()
        for change in (lambda: loader.clear(1), loader.clear_all, lambda: loader.prime(1, "x")):
            with pytest.raises(TenantError):
                change()
        tenant.reset(token)
    assert await loader.load(1) == "one"
    assert source.calls == [[1]]


async def test_without_a_tenant_no_loader_is_made() -> None:
    tenant.set(None)
    with pytest.raises(TenantError):
        loader_of(Source())


async def test_a_task_without_the_context_is_refused() -> None:
    loader = loader_of(Source({1: "one"}))
    bare = asyncio.get_running_loop().create_task(loader.load(1), context=contextvars.Context())
    with pytest.raises(TenantError):
        await bare


async def test_another_event_loop_is_refused() -> None:
    loader = loader_of(Source({1: "one"}))

    def elsewhere() -> None:
        asyncio.run(loader.load(1))

    with pytest.raises(LoaderError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


async def test_after_closing_nobody_waits_for_ever() -> None:
    source = Source({1: "one", 2: "two"})
    source.open.clear()
    loader = loader_of(source, most_keys=1)
    tasks = [asyncio.ensure_future(loader.load(key)) for key in (1, 2)]
    await source.called.wait()
    loader.clear(1)
    await loader.aclose()
    await loader.aclose()
    for task in tasks:
        with pytest.raises(LoaderError, match="closed"):
            await task
    with pytest.raises(LoaderError, match="closed"):
        await loader.load(1)


async def test_closing_before_the_first_call_ends_it_too() -> None:
    source = Source({1: "one"})
    async with loader_of(source) as loader:
        answer = loader._answer(1)
    with pytest.raises(LoaderError, match="closed"):
        await answer
    assert source.calls == []


@pytest.mark.parametrize("answer", [{"1": "one"}, {1: "one", 3: "three"}, ["one"], None])
async def test_an_answer_that_does_not_fit_the_keys_is_an_error_without_a_value(answer: Any) -> None:
    async def fetch(tenant: TenantId, keys: list[int]) -> Any:
        return answer

    with pytest.raises(LoaderError) as caught:
        await loader_of(fetch).load(1)
    assert "one" not in caught.value.message.split()
    assert "three" not in caught.value.message


async def test_a_call_of_no_keys_is_not_allowed() -> None:
    with pytest.raises(LoaderError):
        loader_of(Source(), most_keys=0)


class Shared:
    """A second level that keeps what it has loaded, for all."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}
        self.tenants: set[TenantId] = set()

    async def get_many(
        self,
        tenant: TenantId,
        keys: Sequence[Any],
        load: Callable[[Sequence[Any]], Awaitable[Mapping[Any, Any]]],
    ) -> Mapping[Any, Any]:
        self.tenants.add(tenant)
        missing = [key for key in keys if key not in self.kept]
        if missing:
            self.kept.update(await load(missing))
        return {key: self.kept[key] for key in keys if key in self.kept}


async def test_a_second_level_serves_what_it_holds_and_loads_the_rest() -> None:
    source, shared = Source({1: "one", 2: "two"}), Shared()
    shared.kept[1] = "shared"
    loader = loader_of(source, second_level=shared)
    assert await loader.load_many([1, 2, 3]) == ["shared", "two", None]
    assert source.calls == [[2, 3]]
    assert shared.kept == {1: "shared", 2: "two"}
    assert shared.tenants == {7}


@pytest.mark.parametrize("everything", [False, True])
async def test_what_a_transaction_has_written_neither_comes_from_the_second_level_nor_goes_there(
    everything: bool,
) -> None:
    source, shared = Source({1: "written, not committed"}), Shared()
    shared.kept[1] = "committed"
    loader = loader_of(source, second_level=shared)
    assert await loader.load(1) == "committed"
    loader.clear_all() if everything else loader.clear(1)
    assert await loader.load(1) == "written, not committed"
    assert shared.kept == {1: "committed"}
