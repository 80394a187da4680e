"""Labels for the busiest of many tenants."""

from __future__ import annotations

import random
import uuid
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import UsageError
from tenfold.runtime.telemetry.top import NONE, OTHER, Busiest, Tally, TopTenants
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(top: TopTenants, tenant: int, times: int = 1, seconds: float = 0.1) -> None:
    for _ in range(times):
        top.query(tenant, seconds)


def labels(shown: dict[str, Tally]) -> set[str]:
    return set(shown) - {OTHER, NONE}


class Prometheus:
    """`increase()` of all series: a first sample counts nothing, and a fall is a reset."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.increase: Counter[str] = Counter()

    def scrape(self, top: TopTenants) -> set[str]:
        shown = top.scrape()
        for label, tally in shown.items():
            before = self.last.get(label, tally.queries)
            self.increase[label] += tally.queries - (before if tally.queries >= before else 0)
            self.last[label] = tally.queries
        return labels(shown)


# --- labels ------------------------------------------------------------------------------------------


def test_before_the_first_scrape_all_are_others_and_after_it_the_busiest_count_from_0(clock: Clock) -> None:
    top = TopTenants(2, clock=clock)
    for tenant in (1, 2, 3):
        ask(top, tenant, times=10 * tenant)
    first = top.scrape()
    assert first[OTHER].queries == 60
    assert first[OTHER].query_seconds == pytest.approx(6.0)
    assert {label: first[label].queries for label in labels(first)} == {"2": 0, "3": 0}
    for tenant in (1, 2, 3):
        ask(top, tenant, times=10 * tenant)
    second = top.scrape()
    assert {label: second[label].queries for label in labels(second)} == {"2": 20, "3": 30}
    assert second[OTHER].queries == 70


def test_busy_is_who_takes_time_and_not_who_asks_often(clock: Clock) -> None:
    top = TopTenants(1, clock=clock)
    ask(top, 1, times=100, seconds=0.001)
    top.request(2, 5.0)
    assert labels(top.scrape()) == {"2"}


def test_work_of_no_tenant_has_a_label_of_its_own_and_takes_no_place(clock: Clock) -> None:
    top = TopTenants(1, clock=clock)
    top.query(None, 100.0)
    top.request(None, 100.0)
    ask(top, 1)
    shown = top.scrape()
    assert labels(shown) == {"1"}
    assert shown[NONE] == Tally(1, 100.0, 1, 100.0)


def test_without_places_nobody_is_named(clock: Clock) -> None:
    top = TopTenants(0, clock=clock)
    ask(top, 1)
    top.scrape()
    ask(top, 1)
    assert top.scrape() == {OTHER: Tally(2, 0.2), NONE: Tally()}


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="labels for tenants"):
        TopTenants(-1)


def test_what_was_long_ago_counts_less(clock: Clock) -> None:
    top = TopTenants(1, half_life=600.0, clock=clock)
    ask(top, 1, times=100)
    assert labels(top.scrape()) == {"1"}
    clock.now += 6000.0
    top.scrape()
    ask(top, 2, times=2)
    assert "2" in labels(top.scrape())


def test_one_that_is_hardly_busier_takes_nobody_s_label(clock: Clock) -> None:
    top = TopTenants(1, clock=clock)
    ask(top, 1, times=100)
    top.scrape()
    ask(top, 2, times=120)
    assert labels(top.scrape()) == {"1"}
    ask(top, 2, times=10)
    assert labels(top.scrape()) == {"1", "2"}


# --- series that come and go -------------------------------------------------------------------------


def test_a_series_that_goes_is_shown_in_full_for_a_while_and_no_longer_counted_in(clock: Clock) -> None:
    top = TopTenants(1, linger=300.0, clock=clock)
    ask(top, 1)
    top.scrape()
    ask(top, 1, times=5)
    ask(top, 2, times=500)
    assert top.scrape()["1"].queries == 5
    ask(top, 1)
    clock.now += 299.0
    shown = top.scrape()
    assert (shown["1"].queries, shown[OTHER].queries) == (5, 502)
    clock.now += 1.0
    assert labels(top.scrape()) == {"2"}


def test_a_series_that_comes_back_in_time_counts_on(clock: Clock) -> None:
    top = TopTenants(1, linger=300.0, clock=clock)
    ask(top, 1)
    top.scrape()
    ask(top, 1, times=5)
    ask(top, 2, times=500)
    top.scrape()
    ask(top, 1, times=5000)
    top.scrape()
    ask(top, 1)
    assert top.scrape()["1"].queries == 6


def test_there_are_never_more_than_twice_as_many_series_as_places(clock: Clock) -> None:
    top = TopTenants(3, linger=300.0, clock=clock)
    for turn in range(50):
        for tenant in range(3):
            top.query(10 * turn + tenant, 2.0**turn)
        assert len(labels(top.scrape())) <= 6


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(1, 12), st.floats(0.001, 1000.0)),  # a statement of a tenant
            st.floats(1.0, 400.0),  # a scrape, so many seconds later
        ),
        max_size=300,
    )
)
def test_rates_add_up_whoever_comes_and_goes(
    course: list[tuple[int, float] | float],
) -> None:
    """Between the first scrape and the last all statements are in one series each, and none is in two."""
    clock, prometheus = Clock(), Prometheus()
    top = TopTenants(2, half_life=60.0, clock=clock)
    prometheus.scrape(top)
    true: Counter[int] = Counter()
    for step in course:
        if isinstance(step, tuple):
            top.query(*step)
            true[step[0]] += 1
        else:
            clock.now += step
            prometheus.scrape(top)
    prometheus.scrape(top)
    assert prometheus.increase.total() == true.total()
    assert all(prometheus.increase[str(tenant)] <= asked for tenant, asked in true.items())


# --- any number of tenants ---------------------------------------------------------------------------


@pytest.mark.parametrize("tenants", [100, 5_000, 100_000])
def test_any_number_of_tenants_takes_the_same_memory_and_the_busiest_are_found(
    tenants: int, clock: Clock
) -> None:
    chance = random.Random(7)
    top = TopTenants(20, clock=clock)
    heavy = [1_000_000 + number for number in range(10)]
    for _ in range(3):
        for tenant in chance.choices(range(tenants), k=10_000):
            top.query(tenant, chance.random())
            if chance.random() < 0.25:
                top.query(chance.choice(heavy), chance.random())
        clock.now += 15.0
        shown = top.scrape()
    assert {str(tenant) for tenant in heavy} <= labels(shown)
    assert len(labels(shown)) <= 40
    assert len(top._busiest) <= 200
    assert len(top._busiest._lightest) == len(top._busiest)


def test_labels_stay_where_they_are_while_all_are_alike(clock: Clock) -> None:
    chance = random.Random(7)
    top = TopTenants(20, clock=clock)
    seen: set[str] = set()
    for _ in range(20):
        for tenant in chance.choices(range(5_000), k=2_000):
            top.query(tenant, 0.01)
        clock.now += 15.0
        seen |= labels(top.scrape())
    assert len(seen) == 20


def test_what_was_inherited_fades_with_the_rest() -> None:
    busiest = Busiest(1)
    busiest.add(1, 8.0)
    busiest.add(2, 4.0)
    busiest.fade(0.25)
    assert busiest.changes([], 1) == [(2, None)]


def test_ids_of_both_types_are_weighed_together() -> None:
    busiest = Busiest(2)
    for tenant in (1, uuid.UUID(int=1), 2, uuid.UUID(int=2)):
        busiest.add(tenant, 1.0)
    assert len(busiest) == 2


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0.001, 10.0)), max_size=200),
    st.lists(st.integers(0, 200), max_size=3),
)
def test_a_weight_is_never_below_the_truth_and_surely_so_much_at_least(
    asked: list[tuple[int, float]], fades: list[int]
) -> None:
    busiest, true = Busiest(8), defaultdict[int, float](float)
    for number, (tenant, seconds) in enumerate(asked):
        busiest.add(tenant, seconds)
        true[tenant] += seconds
        if number in fades:
            busiest.fade(0.5)
            true = defaultdict(float, {each: kept * 0.5 for each, kept in true.items()})
    least = min((weight.seconds for weight in busiest._weights.values()), default=0.0)
    for tenant, seconds in true.items():
        weight = busiest._weights.get(tenant)
        if weight is None:
            assert seconds <= least * 1.000001
        else:
            assert weight.seconds - weight.inherited <= seconds * 1.000001
            assert seconds <= weight.seconds * 1.000001
