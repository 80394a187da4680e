"""`tenfold scenario` from a real database: what it writes is accepted, and comes to what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tenfold.bench.fill import fill
from tenfold.bench.fill_spec import read_fill_spec
from tenfold.catalog.reader import read_snapshot
from tenfold.cli.main import run
from tenfold.pg.connect import connect, execute_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import TemplateDatabase

EXAMPLE = Path(__file__).parents[3] / "examples" / "outreach"
SCENARIO = EXAMPLE / "scenario.toml"


def load(dsn: str) -> None:
    with connect(dsn, writable=True) as connection:
        for name in ("schema.sql", "seed_rows.sql"):
            execute_script(connection, (EXAMPLE / name).read_text())
        execute_script(connection, "ANALYZE")


def load_filled(dsn: str) -> None:
    load(dsn)
    with connect(dsn, writable=True) as connection:
        spec = read_fill_spec(EXAMPLE / "fill.toml")
        fill(connection, read_snapshot(connection), spec, tenants=20, scale=0.2)


@pytest.fixture(params=["fresh", "filled"])
def source(request: pytest.FixtureRequest, template_database: TemplateDatabase) -> Iterator[str]:
    loaders = {"fresh": load, "filled": load_filled}
    yield template_database(f"scenario_{request.param}", loaders[request.param])


@pytest.fixture
def fresh(template_database: TemplateDatabase) -> str:
    return template_database("scenario_fresh", load)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tenfold.toml is found upwards from an empty folder."""
    monkeypatch.chdir(tmp_path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[str]]:
    """The figures that `check` shows, by the name in front of each line."""
    assert run(["scenario", "check", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    cells = [re.split(r" +(?!M)", line.strip()) for line in lines[1:]]
    return {name: figures for name, *figures in cells}


def test_the_audits_scenario_gives_the_audits_table(capsys: pytest.CaptureFixture[str], source: str) -> None:
    """Rows after 30 days, and a month's growth; whatever the database holds today."""
    figures = {name: (cells[0], cells[-1]) for name, cells in shown(capsys, str(SCENARIO), source).items()}
    assert {name: pair for name, pair in figures.items() if name != "tenants"} == {
        "leads": ("1,000,000", "+100,000"),
        "messages": ("5,000,000", "+5,000,000"),
        "personas": ("1,000,000", "+100,000"),
        "inbox_items": ("1,000,000", "+1,000,000"),
        "campaign_queue": ("500,000", "transient"),
        "intelligence_log": ("5,000,000", "+5,000,000"),
    }
    assert figures["tenants"][0] == "100"


def test_what_init_writes_is_accepted_and_begins_with_todays_rows(
    capsys: pytest.CaptureFixture[str], source: str
) -> None:
    assert run(["scenario", "init", source, "-o", "made.toml"]) == 0
    made = Path("made.toml").read_text()
    assert "at = [0, 1, 3, 6, 12, 24]" in made
    Path("made.toml").write_text(made.replace("[0, 1, 3, 6, 12, 24]", "[0]"))  # leaves room for long names
    figures = shown(capsys, "made.toml", source)
    with connect(source) as connection:
        for name in figures.keys() - {"tenants"}:
            (count,) = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() or (0,)
            assert figures[name][0] == f"{count:,}", name
    assert len(figures) == 59  # the tenants, and all tables but theirs


def test_a_nearly_empty_database_gets_assumptions_that_make_it_grow(
    capsys: pytest.CaptureFixture[str], fresh: str
) -> None:
    assert run(["scenario", "init", fresh]) == 0
    text = capsys.readouterr().out
    Path("made.toml").write_text(text)
    assert "# assumed" in text
    figures = shown(capsys, "made.toml", fresh)
    assert all(
        cells[0] == "0" and cells[5] != "0"
        for name, cells in figures.items()
        if name in ("leads", "messages")
    )


def test_a_snapshot_file_serves_as_well(capsys: pytest.CaptureFixture[str], fresh: str) -> None:
    assert run(["snapshot", fresh, "--redact", "-o", "snapshot.json"]) == 0
    capsys.readouterr()
    assert shown(capsys, str(SCENARIO), "snapshot.json") == shown(capsys, str(SCENARIO), fresh)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[tables.massages]\nrows = 5",
            "[tables.massages] names 'massages', and there is no such table; did you mean",
        ),
        ("[tables.leads]\nper = 'tenant'\nrows = 0", "rows is 0 for each row of tenant"),
        ("[tables.leads]\nrow = 5", "[tables.leads]: unknown key `row`; did you mean rows?"),
        ("at = [1, 0]", "at has 0 after 1"),
    ],
)
def test_a_scenario_that_cannot_be_is_one_line(
    capsys: pytest.CaptureFixture[str], fresh: str, text: str, said: str
) -> None:
    Path("wrong.toml").write_text(text)
    assert run(["scenario", "check", "wrong.toml", fresh]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert "wrong.toml" in captured.err
    assert said in captured.err


def test_a_database_without_tables_is_one_line(capsys: pytest.CaptureFixture[str], database: str) -> None:
    assert run(["scenario", "init", database, "-o", "made.toml"]) == 2
    assert "has no tables" in capsys.readouterr().err
    assert not Path("made.toml").exists()
