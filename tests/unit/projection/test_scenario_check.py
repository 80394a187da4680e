"""A scenario that cannot be is refused, with the place and what to do."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from tenfold.errors import ScenarioError
from tenfold.model.config import TenancyConfig
from tenfold.model.relations import Inheritance
from tenfold.model.scenario import Budgets, ColumnContent, Scenario, TableGrowth, Target, Tenants
from tenfold.projection.scenario_check import check_scenario
from tenfold.tenancy.detect import find_tenancy
from tests.unit.projection.catalogs import LEADS, TEAMS, TODAY, checked, product, with_relation
from tests.unit.rules.build import table

FILLED = product({TEAMS: 10.0, LEADS: 1_000.0})
DAY = datetime.date


def of(**tables: TableGrowth) -> Scenario:
    return Scenario(tables=tables)


def leads(**fields: object) -> Scenario:
    return of(leads=msgspec.convert(fields, TableGrowth))


def status(**fields: object) -> Scenario:
    return leads(columns={"status": fields})


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        # points
        (Scenario(at=()), "names no point"),
        (Scenario(at=(0, 6, 3)), "at has 3 after 6"),
        (Scenario(at=(0, 0)), "at has 0 after 0"),
        (Scenario(at=(2, DAY(2025, 4, 1))), "at has 2025-04-01 after 2"),
        (Scenario(at=(-1,)), "at has -1"),
        (Scenario(at=(float("nan"),)), "at has nan"),
        (Scenario(at=(601,)), "from 0 to 600 months"),
        (Scenario(at=(DAY(2025, 1, 1),)), "before the start on 2025-03-10"),
        (Scenario(start=DAY(9990, 1, 1), at=(600,)), "dates end"),
        # tenants
        (Scenario(tenants=Tenants(count=0)), "[tenants] count is 0"),
        (Scenario(tenants=Tenants(growth="-100%")), "leaves nothing"),
        (Scenario(tenants=Tenants(growth=float("inf"))), "growth is inf"),
        (Scenario(tenants=Tenants(largest_share=1.5)), "largest_share is 1.5"),
        (Scenario(tenants=Tenants(largest_share=0.5, zipf=1)), "both largest_share and zipf"),
        (Scenario(tenants=Tenants(zipf=-1)), "zipf is -1"),
        (Scenario(tenants=Tenants(target=Target(count=9, date=DAY(2025, 3, 10)))), "not after the start"),
        (Scenario(tenants=Tenants(target=Target(count=0, date=DAY(2026, 1, 1)))), "target.count is 0"),
        (
            Scenario(tenants=Tenants(growth=1, target=Target(count=9, date=DAY(2026, 1, 1)))),
            "both growth and target",
        ),
        # budgets
        (Scenario(budgets=Budgets(read=0)), "[budgets] read is 0"),
        # names
        (of(leds=TableGrowth(rows=1)), "[tables.leds] names 'leds', and there is no such table; did"),
        (leads(per="massages", rows=1), "[tables.leads] per names 'massages'"),
        (of(leads_1=TableGrowth(rows=1)), "a partition; name its table leads"),
        (of(**{"leads": TableGrowth(rows=1), "public.leads": TableGrowth(rows=1)}), "are the same table"),
        (of(twice=TableGrowth(rows=1)), "is in app, public; write schema.name"),
        (of(teams=TableGrowth(rows=5)), "say how many in [tenants]"),
        # sizes
        (leads(rows=-1), "rows is -1"),
        (leads(per="tenant", rows=0), "rows is 0 for each row of tenant"),
        (leads(rows=0, growth="5%"), "of which a percentage is nothing"),
        (leads(per="tenant", monthly=0), "monthly is 0"),
        (leads(per="tenant", monthly=-5), "monthly is -5"),
        (leads(per="tenant", rows=1, growth=1, monthly=1), "both growth and monthly"),
        (leads(retention_days=30), "has retention_days and no rate"),
        (leads(monthly=5, retention_days=0), "retention_days is 0"),
        (leads(monthly=5, retention_days=30, rows=5), "leave rows out"),
        # what rows are counted for
        (leads(per="leads", rows=1), "names the table itself"),
        (leads(per="messages", growth=1), "messages has none today"),
        (of(messages=TableGrowth(per="leads")), "it has none today; say rows, or monthly"),
        (
            of(leads=TableGrowth(per="messages", rows=1), messages=TableGrowth(per="leads", rows=1)),
            "[tables] go round: ",
        ),
        # columns
        (leads(columns={"statsu": {}}), "columns names 'statsu', and there is no such column; did"),
        (status(values={"new": 0.7, "won": 0.4}), "[tables.leads.columns.status] values have 1.1"),
        (status(values={"new": 0}), "a share of 0"),
        (status(values={"neu": 0.5}), "which is no lead_status; did you mean new"),
        (status(distinct=1, values={"new": 0.5, "won": 0.1}), "values names more"),
        (status(distinct=0), "distinct is 0"),
        (status(null_share=0.5), "the column is NOT NULL"),
        (leads(columns={"score": {"null_share": 1.5}}), "null_share is 1.5"),
        (leads(columns={"score": {"null_share": 0.5, "values": {"1": 0.6}}}), "values and nulls have 1.1"),
        (leads(columns={"score": {"low": 9, "high": 1}}), "low is 9 and high is 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(scenario: Scenario, said: str) -> None:
    snapshot = with_relation(
        FILLED,
        table(300, "leads_1", is_partition=True),
        table(301, "twice"),
        table(302, "twice", schema="app"),
    )
    snapshot = msgspec.structs.replace(snapshot, inheritance=(Inheritance(300, LEADS),))
    with pytest.raises(ScenarioError) as refused:
        checked(snapshot, scenario)
    assert said in refused.value.message
    assert len(str(refused.value).splitlines()) == 1


def test_a_circle_names_its_tables() -> None:
    scenario = of(
        leads=TableGrowth(per="labels", rows=1),
        labels=TableGrowth(per="messages", rows=1),
        messages=TableGrowth(per="leads", rows=1),
    )
    with pytest.raises(ScenarioError) as refused:
        checked(FILLED, scenario)
    assert {"leads", "labels", "messages"} <= set(refused.value.message.replace(";", "").split())


def test_a_name_with_its_schema_is_enough_where_two_are_alike() -> None:
    snapshot = with_relation(FILLED, table(301, "twice"), table(302, "twice", schema="app"))
    checked(snapshot, of(**{"app.twice": TableGrowth(rows=5)}))


def test_the_tenants_own_table_may_tell_of_its_columns() -> None:
    checked(FILLED, of(teams=TableGrowth(columns={"id": ColumnContent(low=1, high=10)})))


def test_tenants_are_counted_only_where_there_are_some() -> None:
    empty = product({})
    with pytest.raises(ScenarioError, match="say count"):
        checked(empty, Scenario(tenants=Tenants(growth=1)))
    with pytest.raises(ScenarioError, match=r"say \[tenants\] count"):
        checked(empty, leads(per="tenant", rows=5))
    checked(
        empty,
        Scenario(tenants=Tenants(count=5, growth=1), tables={"leads": TableGrowth(per="tenant", rows=5)}),
    )


@pytest.mark.parametrize("scenario", [leads(per="tenant", rows=5), Scenario(tenants=Tenants(count=5))])
def test_without_a_tenant_column_nothing_is_counted_for_tenants(scenario: Scenario) -> None:
    snapshot = msgspec.structs.replace(
        FILLED, columns=tuple(each for each in FILLED.columns if each.name != "team_id"), constraints=()
    )
    tenancy = find_tenancy(snapshot, TenancyConfig())
    with pytest.raises(ScenarioError, match=r"no tenant column was found; name it in tenfold\.toml"):
        check_scenario(scenario, snapshot, tenancy, TODAY)
    check_scenario(leads(rows=5, growth="5%"), snapshot, tenancy, TODAY)
