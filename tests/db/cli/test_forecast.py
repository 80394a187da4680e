"""`tenfold forecast` on the example: a database of a few rows, and what it will be."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from tenfold.cli.example import example_folder
from tenfold.cli.main import run
from tenfold.model.calibration import Calibration, PageTime
from tenfold.model.forecast import Forecast
from tenfold.pg.connect import connect, execute_script
from tenfold.projection.calibration_file import calibration_json
from tests.db.cli.test_flow import load

if TYPE_CHECKING:
    from tests.conftest import TemplateDatabase

EXAMPLE = example_folder()
CONFIG = ("--config", str(EXAMPLE / "tenfold.toml"))
SCENARIO = ("--scenario", str(EXAMPLE / "scenario.toml"))
#: About a machine whose disk reads a page in 0.1 ms.
CALIBRATION = Calibration(
    sequential_page=PageTime(0.002, 0.1),
    random_page=PageTime(0.002, 0.1),
    tuple_ms=1e-4,
    index_tuple_ms=5e-5,
    operator_ms=2e-5,
    statement_ms=0.05,
    hit_ratio=0.99,
    cache_bytes=128 * 1024**2,
    measured_at="2025-03-01 12:00:00+00:00",
    server_version="18.0",
    measurements=100,
    median_ratio=1.0,
    worst_ratio=2.0,
)


@pytest.fixture
def dsn(template_database: TemplateDatabase) -> str:
    return template_database("outreach", load)


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    file = tmp_path / "calibration.json"
    file.write_text(calibration_json(CALIBRATION))
    return file


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def forecast(source: str, *options: str) -> Forecast:
    assert run(["forecast", source, "--format", "json", "-o", "forecast.json", *options]) == 0
    return msgspec.json.decode(Path("forecast.json").read_bytes(), type=Forecast)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["forecast", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_from_a_few_rows_to_a_dated_list_of_what_breaks_first(dsn: str, calibration: Path) -> None:
    found = forecast(dsn, *CONFIG, *SCENARIO, "--calibration", str(calibration))
    now, start = found.points[:2]
    assert (now.label, start.label) == ("now", found.taken[:10])
    messages = next(table for table in found.tables if table.name == "messages")
    assert messages.rows[:2] == (0.0, 5_000_000.0)
    assert messages.monthly_rows[1] == 5_000_000.0
    queue = next(table for table in found.tables if table.name == "campaign_queue")
    assert queue.transient
    assert len(found.queries) == 53
    assert [query.name for query in found.queries if query.reason is not None] == []
    breaking = found.broken
    assert len(breaking) > 10
    assert found.first == tuple(query.name for query in breaking[:10])
    dates = [query.breaks.at.date for query in breaking if query.breaks is not None]
    assert dates == sorted(dates, key=lambda date: date or datetime.date.min)
    whole = found.query("message_totals_of_all_teams")
    assert whole.exponent == pytest.approx(1.0, abs=0.1)
    assert whole.full_scans[0][0] == "messages"


def test_a_server_is_measured_on_the_way(dsn: str) -> None:
    found = forecast(dsn, *CONFIG, "--scale", "10", "--calibrate", "1")
    assert found.calibration is not None
    assert sum(query.basis == "calibration" for query in found.queries) > 40


def test_a_file_cannot_be_measured(dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = str(tmp_path / "snapshot.json")
    assert run(["snapshot", dsn, "-o", file]) == 0
    assert "live database" in refusal(capsys, file, "--calibrate", "1")


def test_no_value_that_was_drawn_from_statistics_is_in_the_document(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text("-- name: by_name\nSELECT id FROM teams WHERE name = $1 AND plan <> 'none';\n")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE teams")
        names = [row[0] for row in connection.execute("SELECT name FROM teams")]
    found = forecast(dsn, *CONFIG, "--scale", "10", "--queries", str(file))
    (query,) = found.queries
    assert not query.generic
    document = Path("forecast.json").read_text()
    assert [name for name in names if name in document] == []
    assert "= ?" in document
    assert "'none'" in document


def test_the_index_under_discussion_is_tried(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(
        "-- name: by_status\nSELECT id FROM messages WHERE team_id = $1 AND status = $2 ORDER BY id;\n"
    )
    found = forecast(dsn, *CONFIG, *SCENARIO, "--queries", str(file))
    (query,) = found.queries
    assert query.advice is not None
    assert query.advice.cost_with < query.advice.cost_without / 2
    assert query.advice.definition.endswith("ON public.messages (team_id, status)")
    # Entries of equal keys share a posting list: six bytes each, and no more than ten.
    assert 6 < query.advice.bytes / found.tables[0].rows[-1] < 10


def test_a_page_for_the_terminal_fits_it(
    dsn: str, calibration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["forecast", dsn, *CONFIG, "--scale", "10,1000", "--calibration", str(calibration)]) == 0
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 100
    assert "1,000x" in page
    assert "35 of 59 tables are empty, and no factor fills them" in " ".join(page.split())


def test_todays_mean_times_stand_in_where_nothing_is_calibrated(dsn: str, tmp_path: Path) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, "ANALYZE")
    file = tmp_path / "app.json"
    assert run(["snapshot", dsn, "-o", str(file)]) == 0
    text = "SELECT count(*) FROM team_members WHERE full_name = $1"
    document = msgspec.json.decode(file.read_bytes())
    document["snapshot"]["statements"] = [{"text": text, "calls": 9, "total_ms": 900.0, "mean_ms": 100.0}]
    file.write_bytes(msgspec.json.encode(document))
    found = forecast(str(file), "--scale", "1000")
    (query,) = found.queries
    assert (query.basis, query.kind, query.calls) == ("mean time", "aggregation", 9)
    assert query.first is not None
    assert query.first.milliseconds == 100.0
    assert query.breaks is not None
    assert not query.breaks.already
    assert query.breaks.at.factor is not None
    assert 1 < query.breaks.at.factor < 1000
    assert any("today's mean times" in note for note in found.notes)


def test_writes_are_planned_and_not_run(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text("-- name: wipe\nDELETE FROM team_members;\n-- name: drop\nDROP TABLE teams;\n")
    found = forecast(dsn, *CONFIG, "--queries", str(file))
    (query,) = found.queries
    assert query.kind == "write"
    assert query.last is not None
    assert any("1 utility statement" in note for note in found.notes)
    with contextlib.closing(connect(dsn)) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM team_members").fetchone() == (True,)


def test_a_query_that_cannot_be_planned_is_named_and_the_others_go_on(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(
        "-- name: broken\nSELECT FROM WHERE;\n"
        "-- name: absent\nSELECT * FROM leeds;\n"
        "-- name: fine\nSELECT 1;\n"
    )
    found = forecast(dsn, *CONFIG, "--queries", str(file))
    assert "syntax error" in (found.query("broken").reason or "")
    assert 'relation "leeds" does not exist' in (found.query("absent").reason or "")
    assert found.query("fine").reason is None


def test_queries_are_asked_as_the_role_with_its_policies_and_rights(dsn: str, tmp_path: Path) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        ((role,),) = connection.execute("SELECT 'app_of_' || current_database()").fetchall()
        execute_script(
            connection,
            f"CREATE ROLE {role}; GRANT SELECT ON team_members TO {role};"
            "ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY own ON team_members TO {role}"
            " USING (team_id = current_setting('app.team_id')::bigint)",
        )
    try:
        file = tmp_path / "queries.sql"
        file.write_text(
            "-- name: own\nSELECT id FROM team_members;\n-- name: others\nSELECT id FROM teams;\n"
        )
        found = forecast(dsn, *CONFIG, "--queries", str(file), "--role", role)
        own = found.query("own")
        assert own.role == role
        assert own.last is not None
        assert any(
            "current_setting" in (node.filter or node.index_condition or "") for node in own.last.plan.walk()
        )
        assert found.query("others").reason == "permission denied for table teams"
        # A superuser sees all rows: no policy is in the plan.
        free = forecast(dsn, *CONFIG, "--queries", str(file)).query("own")
        assert free.last is not None
        assert not any("current_setting" in str(node) for node in free.last.plan.walk())
    finally:
        with contextlib.closing(connect(dsn, writable=True)) as connection:
            execute_script(connection, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_redacted_snapshot_is_enough_and_says_what_it_lacks(dsn: str, tmp_path: Path) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, "ANALYZE")
    file = tmp_path / "app.json.gz"
    assert run(["snapshot", dsn, "-o", str(file), "--redact"]) == 0
    found = forecast(str(file), *CONFIG, "--scale", "100")
    assert [query.name for query in found.queries if query.reason is not None] == []
    assert any("redacted" in note for note in found.notes)


def test_tables_that_were_never_analysed_are_named_until_they_are(dsn: str) -> None:
    before = forecast(dsn, *CONFIG, "--scale", "10")
    assert any(note.startswith("never analysed: teams, team_members") for note in before.notes)
    assert any("team_members" in assumption for assumption in before.assumptions)
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, "ANALYZE")
    after = forecast(dsn, *CONFIG, "--scale", "10")
    assert not any("never analysed" in note for note in after.notes)


def test_what_cannot_be_meant_is_refused_in_one_line(
    dsn: str, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "0 is no factor above 0" in refusal(capsys, dsn, *CONFIG, "--scale", "10,0")
    assert "1 or more, not 0.5" in refusal(capsys, dsn, *CONFIG, "--scale", "0.5")
    assert "'ten' is no number" in refusal(capsys, dsn, *CONFIG, "--scale", "ten")
    assert "give one of them" in refusal(capsys, dsn, *CONFIG, *SCENARIO, "--scale", "10")
    assert "there is no role nobody_has" in refusal(capsys, dsn, *CONFIG, "--role", "nobody_has")
    assert "--queries FILE.sql" in refusal(capsys, dsn)
    assert "no tables" in refusal(capsys, database)
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("[tables.leeds]\nrows = 5\n")
    assert "leeds" in refusal(capsys, dsn, *CONFIG, "--scenario", str(scenario))
    unnamed = tmp_path / "queries.sql"
    unnamed.write_text("SELECT 1;")
    assert "not named" in refusal(capsys, dsn, "--queries", str(unnamed))
    assert "calibration" in refusal(capsys, dsn, *CONFIG, "--calibration", str(unnamed))
