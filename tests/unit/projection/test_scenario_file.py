"""The file of a scenario: what is wrong is said with its place, and what is written is read again."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import ScenarioError
from tenfold.model.scenario import (
    Budgets,
    ColumnContent,
    Draft,
    Scenario,
    TableGrowth,
    Target,
    Tenants,
)
from tenfold.projection.scenario_file import load_scenario, scenario_text


def loaded(folder: Path, text: str) -> Scenario:
    file = folder / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at = [", "is not TOML"),
        ("point = 1", "unknown key `point`"),
        ("[tenants]\ncuont = 1", "[tenants]: unknown key `cuont`; did you mean count"),
        ("[tenants]\ncount = '5'", "[tenants.count]: Expected a whole number"),
        ("[tenants]\ngrowth = 'much'", 'percentage such as "5%"'),
        ("[tenants.target]\ncount = 5", "[tenants.target]: missing key `date`"),
        ("[tables.leads]\nrow = 5", "[tables.leads]: unknown key `row`; did you mean rows"),
        ("[tables.leads]\ngrowth = '5'", "[tables.leads]: growth '5' is neither"),
        ("[tables]\nleads = 5", "[tables.leads]: Expected a table"),
        ("tables = 5", "[tables] holds sections"),
        ("[tables.leads]\ncolumns = 5", "[tables.leads.columns] holds sections"),
        ("[tables.leads.columns.status]\nvalues = ['a']", "[tables.leads.columns.status.values]"),
        ("[tables.leads.columns.status]\ndistnct = 5", "did you mean distinct"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        loaded(tmp_path, text)
    assert refused.value.message.startswith(str(tmp_path / "scenario.toml"))
    assert said in refused.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"there is no scenario file .*; make one: tenfold scenario init"):
        load_scenario(tmp_path / "absent.toml")


def test_dates_of_a_column_may_be_written_as_such(tmp_path: Path) -> None:
    scenario = loaded(
        tmp_path, "[tables.leads.columns.created_at]\nlow = 2024-01-01\nhigh = 2024-12-31T10:00:00Z"
    )
    content = scenario.tables["leads"].columns["created_at"]
    assert (content.low, content.high) == ("2024-01-01", "2024-12-31 10:00:00+00:00")


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Scenario()


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
sizes = st.floats(0.0001, 1e12) | st.integers(1, 10**9).map(float)
contents = st.builds(
    ColumnContent,
    distinct=st.none() | sizes,
    values=st.dictionaries(words, st.floats(0.001, 1), max_size=3),
    low=st.none() | words | st.integers(-9, 9),
    assumed=st.none() | words,
)
scenarios = st.builds(
    Scenario,
    start=st.none() | st.dates(),
    at=st.lists(st.integers(0, 600) | st.floats(0, 600) | st.dates(), max_size=4).map(tuple),
    tenants=st.builds(
        Tenants,
        count=st.none() | st.integers(1, 10**6),
        growth=st.none() | sizes | st.just("5%"),
        target=st.none() | st.builds(Target, count=st.integers(1, 99), date=st.dates()),
        zipf=st.none() | st.floats(0, 5),
    ),
    tables=st.dictionaries(
        words,
        st.builds(
            TableGrowth,
            per=st.none() | words,
            rows=st.none() | sizes,
            growth=st.none() | st.just("-1.5%"),
            columns=st.dictionaries(words, contents, max_size=2),
            assumed=st.none() | words,
        ),
        max_size=3,
    ),
    budgets=st.builds(Budgets, read=sizes),
)


@given(scenarios, words)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario, remark: str
) -> None:
    remarks = {(): remark, ("at",): remark, ("tenants",): remark, ("budgets", "read"): remark}
    file = tmp_path_factory.getbasetemp() / "written.toml"
    # newline="" keeps carriage returns of names as they are.
    file.write_text(scenario_text(Draft(scenario, remarks)), encoding="utf-8", newline="")
    assert load_scenario(file) == scenario


def test_remarks_are_comments_and_budgets_are_there_to_be_changed() -> None:
    scenario = Scenario(
        start=datetime.date(2025, 1, 1),
        tenants=Tenants(count=1_000),
        tables={"app.leads": TableGrowth(per="tenant", rows=2.5)},
    )
    remarks = {(): "First.\nSecond.", ("tenants", "count"): "assumed", ("tables", "app.leads"): "Of a team."}
    assert scenario_text(Draft(scenario, remarks)) == (
        "# First.\n# Second.\n"
        "start = 2025-01-01\nat = [0, 1, 3, 6, 12, 24]\n\n"
        "[tenants]\ncount = 1_000  # assumed\n\n"
        '# Of a team.\n[tables."app.leads"]\nper = "tenant"\nrows = 2.5\n\n'
        "[budgets]\nread = 100\nwrite = 200\naggregation = 500\nrealtime = 50\n"
    )
