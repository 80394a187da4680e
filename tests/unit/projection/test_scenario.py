"""What a scenario comes to: rows at dates, what a month adds, and what columns hold."""

from __future__ import annotations

import datetime
import math
from typing import Any

import msgspec
import pytest

from tenfold.errors import ScenarioError
from tenfold.growth.grow import grow
from tenfold.model.activity import TableActivity
from tenfold.model.relations import Inheritance
from tenfold.model.scenario import ColumnContent, Scenario, TableGrowth, Target, Tenants
from tenfold.projection.scenario import resolve
from tests.unit.projection.catalogs import (
    LABELS,
    LEADS,
    LOG,
    MESSAGES,
    PLANS,
    QUEUE,
    TEAMS,
    TODAY,
    product,
    resolved,
    rows,
    statistics,
    tenancy_of,
    with_relation,
)
from tests.unit.rules.build import activity, table

FILLED = {TEAMS: 10.0, LEADS: 1_000.0, MESSAGES: 5_000.0, LABELS: 40.0, PLANS: 3.0, QUEUE: 200.0, LOG: 70.0}


def grown(
    at: tuple[float, ...] = (0, 1, 12), tenants: Tenants | None = None, **tables: TableGrowth
) -> Scenario:
    return Scenario(at=at, tenants=tenants or Tenants(), tables=tables)


def test_a_scenario_that_says_nothing_is_today_at_all_times() -> None:
    for point in resolved(product(FILLED), Scenario()):
        assert point.growth.rows == FILLED
        assert (point.growth.hints, point.growth.retained, set(point.monthly.values())) == (
            {},
            frozenset(),
            {0},
        )


def test_points_have_dates_and_months() -> None:
    points = resolved(product(FILLED), Scenario(at=(0, 6, datetime.date(2026, 3, 10))))
    assert [(point.date.isoformat(), point.months) for point in points] == [
        ("2025-03-10", 0),
        ("2025-09-10", 6),
        ("2026-03-10", 12),
    ]


# --- tenants ---


@pytest.mark.parametrize(
    ("tenants", "counts"),
    [
        (Tenants(), [10, 10, 10]),
        (Tenants(growth=5), [10, 15, 70]),
        (Tenants(count=100, growth="10%"), [100, 110, 314]),
        (Tenants(target=Target(count=40, date=datetime.date(2026, 3, 10))), [10, 11, 40]),
        (Tenants(growth=-2), [10, 8, 0]),
    ],
)
def test_tenants_grow_by_a_number_a_percentage_or_towards_a_target(
    tenants: Tenants, counts: list[float]
) -> None:
    points = resolved(product(FILLED), grown(tenants=tenants))
    assert rows(points, TEAMS) == counts
    assert [round(point.tenants) for point in points] == counts


def test_tables_that_are_not_named_grow_with_what_they_belong_to() -> None:
    points = resolved(
        product(FILLED),
        grown(
            tenants=Tenants(growth=10), leads=TableGrowth(per="tenant", rows=100, growth="100%"), at=(0, 1)
        ),
    )
    assert rows(points, LEADS) == [1_000, 4_000]
    assert rows(points, MESSAGES) == [5_000, 20_000]  # with the leads
    assert rows(points, LABELS) == [40, 80]  # with the teams
    assert rows(points, LOG) == [70, 140]
    assert rows(points, PLANS) == [3, 3]  # belong to nobody


# --- tables ---


def test_rows_for_each_parent_come_with_new_parents() -> None:
    points = resolved(
        product(FILLED),
        grown(tenants=Tenants(growth=10), labels=TableGrowth(per="tenant", rows=7), at=(0, 1)),
    )
    assert rows(points, LABELS) == [70, 140]
    assert points[0].monthly[LABELS] == 70


def test_arrivals_begin_with_none_for_new_parents() -> None:
    points = resolved(
        product(FILLED),
        grown(tenants=Tenants(growth=10), leads=TableGrowth(per="teams", rows=100, monthly=60), at=(0, 1, 2)),
    )
    # 10 teams at first, 20 at the end of the month: 15 on average
    assert rows(points, LEADS) == [1_000, 1_000 + 15 * 60, 1_000 + 15 * 60 + 25 * 60]
    assert [point.monthly[LEADS] for point in points] == [600, 1_200, 1_800]


def test_rows_are_todays_where_none_are_told() -> None:
    points = resolved(product(FILLED), grown(messages=TableGrowth(per="leads", monthly=1), at=(0, 1)))
    assert rows(points, MESSAGES) == [5_000, 6_000]
    points = resolved(
        product(FILLED),
        grown(tenants=Tenants(count=20), leads=TableGrowth(per="tenant", growth=50), at=(0, 1)),
    )
    assert rows(points, LEADS) == [2_000, 3_000]


def test_what_is_kept_for_a_time_is_what_arrives_in_it() -> None:
    scenario = grown(
        tenants=Tenants(growth=10),
        leads=TableGrowth(per="tenant", rows=100),
        send_queue=TableGrowth(per="leads", monthly=3, retention_days=15),
        at=(0, 1, 2),
    )
    points = resolved(product(FILLED), scenario)
    # half a month of 3 for 1,000 leads; then for 1,500 to 2,000, and 2,500 to 3,000
    assert rows(points, QUEUE) == [1_500, 1_750 * 1.5, 2_750 * 1.5]
    assert points[0].monthly[QUEUE] == 3_000
    assert points[0].growth.retained == {QUEUE}


def test_what_hangs_on_rows_that_leave_leaves_with_them() -> None:
    scenario = grown(
        leads=TableGrowth(per="tenant", monthly=30, retention_days=30),
        messages=TableGrowth(per="leads", rows=2),
    )
    point = resolved(product(FILLED), scenario)[0]
    assert point.growth.retained == {LEADS, MESSAGES, QUEUE}
    assert point.growth.rows[MESSAGES] == 600
    assert point.monthly[MESSAGES] == 600


def test_figures_without_per_are_of_the_whole_table() -> None:
    points = resolved(
        product(FILLED),
        grown(
            tenants=Tenants(growth=10),
            plans=TableGrowth(rows=5, growth=2),
            labels=TableGrowth(rows=8),
            at=(0, 3),
        ),
    )
    assert rows(points, PLANS) == [5, 11]
    assert rows(points, LABELS) == [8, 8]


def test_a_loss_ends_at_nothing() -> None:
    points = resolved(product(FILLED), grown(plans=TableGrowth(rows=5, growth=-2), at=(0, 1, 12)))
    assert rows(points, PLANS) == [5, 3, 0]
    assert points[-1].monthly[PLANS] == 0


def test_percentages_compound() -> None:
    points = resolved(product(FILLED), grown(leads=TableGrowth(per="tenant", rows=100, growth="10%")))
    assert rows(points, LEADS) == [1_000, 1_100, round(1_000 * 1.1**12)]
    assert points[0].monthly[LEADS] == pytest.approx(100)


def test_arrivals_of_parents_that_compound_are_summed_closely() -> None:
    points = resolved(
        product(FILLED),
        grown(
            leads=TableGrowth(per="tenant", rows=100, growth="20%"),
            messages=TableGrowth(per="leads", rows=0, monthly=5),
            at=(12,),
        ),
    )
    exact = 5_000 * (1.2**12 - 1) / math.log(1.2)
    assert points[0].growth.rows[MESSAGES] == pytest.approx(exact, rel=0.001)


def test_a_point_in_between_does_not_change_another() -> None:
    tables = {
        "leads": TableGrowth(per="tenant", rows=100, monthly=10),
        "messages": TableGrowth(per="leads", monthly=5, retention_days=45),
    }
    few = resolved(product(FILLED), Scenario(at=(0, 24), tables=tables))
    many = resolved(
        product(FILLED), Scenario(at=(0, 1.3, 7.77, datetime.date(2025, 12, 24), 24), tables=tables)
    )
    assert rows(few, MESSAGES)[-1] == pytest.approx(rows(many, MESSAGES)[-1], rel=1e-6)


def test_a_partitioned_table_is_one() -> None:
    snapshot = with_relation(
        product(FILLED),
        table(200, "events", kind="p"),
        *(table(oid, f"events_{oid}", rows=50.0, is_partition=True) for oid in (201, 202)),
    )
    snapshot = msgspec.structs.replace(snapshot, inheritance=(Inheritance(201, 200), Inheritance(202, 200)))
    point = resolved(snapshot, Scenario(at=(0,)))[0]
    assert point.growth.rows[200] == 100
    assert not {201, 202} & point.growth.rows.keys()


def test_rows_that_were_never_analyzed_are_those_that_were_counted() -> None:
    counted: TableActivity = activity(LEADS, live_rows=600)
    snapshot = product(FILLED | {LEADS: -1.0}, table_activity=(counted,))
    assert resolved(snapshot, Scenario())[0].growth.rows[LEADS] == 600


def test_tables_outgrow_no_measure() -> None:
    with pytest.raises(ScenarioError, match="leads would have"):
        resolved(product(FILLED), grown(leads=TableGrowth(per="tenant", growth="900%"), at=(0, 24)))
    with pytest.raises(ScenarioError, match="beyond all numbers"):
        resolved(product(FILLED), grown(leads=TableGrowth(per="tenant", growth="9999%"), at=(0, 600)))


# --- columns ---


def test_columns_hold_what_is_told_in_the_text_of_their_types() -> None:
    contents = {
        "status": ColumnContent(values={"won": 0.1, "new": 0.7}),
        "score": ColumnContent(distinct=100, null_share=0.25, low=0, high=99),
        "won": ColumnContent(values={"true": 0.1}),
    }
    point = resolved(product(FILLED), grown(leads=TableGrowth(columns=contents)))[0]
    assert point.growth.hints[LEADS, 6].null_share == 0
    status, score, won = (point.growth.hints[LEADS, number] for number in (6, 7, 8))
    assert (status.values, status.frequencies) == (("new", "won"), (0.7, 0.1))
    assert (score.distinct, score.null_share, score.low, score.high) == (100, 0.25, "0", "99")
    assert (won.values, won.frequencies) == (("t",), (0.1,))


@pytest.mark.parametrize("tenants", [Tenants(count=50, zipf=1.0), Tenants(count=50, largest_share=0.2222)])
def test_skew_is_told_of_every_tenant_column(tenants: Tenants) -> None:
    hints = resolved(product(FILLED), grown(tenants=tenants))[0].growth.hints
    assert {oid for oid, _ in hints} == {LEADS, MESSAGES, LABELS, QUEUE, LOG}
    shares = hints[LEADS, 2].frequencies or ()
    assert hints[LEADS, 2].distinct == 50
    assert len(shares) == 50
    assert math.fsum(shares) == pytest.approx(1)
    assert shares[0] == pytest.approx(0.2222, abs=1e-4)
    assert shares[0] / shares[9] == pytest.approx(10, rel=1e-3)


def test_of_many_tenants_as_many_are_told_as_analyze_keeps() -> None:
    tenants = Tenants(count=1_000_000, largest_share=0.05)
    shares = resolved(product(FILLED), grown(tenants=tenants))[0].growth.hints[LEADS, 2].frequencies or ()
    assert len(shares) == 100
    assert shares[0] == pytest.approx(0.05, rel=1e-6)
    assert list(shares) == sorted(shares, reverse=True)


def test_values_leave_room_for_their_nulls() -> None:
    snapshot = product(FILLED, statistics=(statistics(LEADS, 7, null_frac=0.5),))

    def nulls(**content: Any) -> float | None:
        scenario = grown(leads=TableGrowth(columns={"score": ColumnContent(**content)}))
        return resolved(snapshot, scenario)[0].growth.hints[LEADS, 7].null_share

    assert nulls(values={"1": 0.25}) == 0.5
    assert nulls(values={"1": 0.75}) == 0.25
    assert nulls(values={"1": 0.75}, null_share=0.125) == 0.125
    assert nulls(distinct=100) is None


def test_the_largest_tenants_stay_the_largest() -> None:
    known = statistics(LEADS, 2, common_values=("7", "2"), common_frequencies=(0.3, 0.2), null_frac=0.5)
    point = resolved(product(FILLED, statistics=(known,)), grown(tenants=Tenants(count=4, zipf=1.0)))[0]
    hint = point.growth.hints[LEADS, 2]
    assert hint.values == ("7", "2", "1", "3")
    assert math.fsum(hint.frequencies or ()) == pytest.approx(0.5)  # of the rows that have one


def test_without_a_table_of_tenants_their_columns_learn_of_new_ones() -> None:
    """Else they learn it from that table's rows."""
    snapshot = product(
        FILLED, statistics=(statistics(LEADS, 2, n_distinct=10.0), statistics(LOG, 2, n_distinct=5.0))
    )
    scenario = grown(tenants=Tenants(growth=10), at=(0, 1))
    assert resolved(snapshot, scenario)[1].growth.hints == {}
    tenancy = msgspec.structs.replace(tenancy_of(snapshot), tenant_table=None)
    now, later = resolve(scenario, snapshot, tenancy, TODAY)
    assert now.growth.hints == {}
    assert later.growth.hints[LOG, 2].distinct == 10
    assert later.growth.hints[LEADS, 2].distinct == 20


@pytest.mark.parametrize("tenants", [Tenants(growth=5), Tenants(count=50, zipf=1.0)])
def test_statistics_can_be_grown_to_every_point(tenants: Tenants) -> None:
    contents = {"status": ColumnContent(values={"new": 0.7}), "score": ColumnContent(low=0, high=99)}
    known = (statistics(LEADS, 2, n_distinct=10.0), statistics(LEADS, 6, n_distinct=3.0))
    snapshot = product(FILLED, statistics=known)
    scenario = grown(tenants=tenants, leads=TableGrowth(per="tenant", rows=100, columns=contents))
    for point in resolved(snapshot, scenario):
        made = grow(snapshot, tenancy_of(snapshot), point.growth).snapshot
        assert made.rows_of(LEADS) == point.growth.rows[LEADS]
        status = made.statistics_of(LEADS, 6)
        assert status is not None
        assert status.common_values == ("new",)


# --- what is taken for granted ---


def test_assumptions_are_those_that_are_marked_and_the_tables_left_empty() -> None:
    scenario = grown(
        tenants=Tenants(count=5, assumed="a guess"),
        leads=TableGrowth(
            per="tenant",
            rows=10,
            assumed="no row",
            columns={"status": ColumnContent(assumed="its enumeration")},
        ),
    )
    found = resolved(product({TEAMS: 1.0, LABELS: 3.0}), scenario)[0].assumptions
    assert [(each.relation, each.column, each.text) for each in found] == [
        (TEAMS, None, "tenants: a guess"),
        (LEADS, None, "leads: no row"),
        (LEADS, 6, "leads.status: its enumeration"),
        (MESSAGES, None, "messages: empty and not named, so it stays empty"),
        (QUEUE, None, "send_queue: empty and not named, so it stays empty"),
        (LOG, None, "audit_log: empty and not named, so it stays empty"),
    ]
