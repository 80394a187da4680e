"""Bad input gets one clear line on standard error and exit code 2, and changes nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tenfold.cli.main import run
from tenfold.pg.connect import connect, execute_script

SCHEMA = """
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE messages (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams);
"""


@pytest.fixture
def dsn(database: str) -> str:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, SCHEMA)
    return database


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tenfold.toml is found upwards from an empty folder."""
    monkeypatch.chdir(tmp_path)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command refuses with."""
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1, captured.err
    assert captured.err.startswith("tenfold: ")
    return captured.err


@pytest.mark.parametrize("command", ["audit", "plan", "apply", "snapshot", "undo"])
def test_no_server(capsys: pytest.CaptureFixture[str], command: str, tmp_path: Path) -> None:
    more = ["-o", str(tmp_path / "x")] if command == "snapshot" else []
    assert "cannot connect" in complaint(capsys, command, "host=127.0.0.1 port=1 dbname=x user=x", *more)
    assert not (tmp_path / "x").exists()


def test_a_database_that_is_not_there(capsys: pytest.CaptureFixture[str], dsn: str) -> None:
    assert 'database "absent" does not exist' in complaint(capsys, "audit", f"{dsn} dbname=absent")


def test_a_role_that_is_not_there(capsys: pytest.CaptureFixture[str], dsn: str) -> None:
    assert 'role "nobody_at_all" does not exist' in complaint(capsys, "audit", f"{dsn} user=nobody_at_all")


def test_a_source_that_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "neither a file nor a DSN" in complaint(capsys, "audit", "no-such-file.json")


def test_a_malformed_dsn(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not a DSN" in complaint(capsys, "audit", "nonsense=1")


def test_a_snapshot_cut_short(capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "whole.json"
    assert run(["snapshot", dsn, "-o", str(file)]) == 0
    capsys.readouterr()
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert "cut short" in complaint(capsys, "audit", str(file))


def test_a_snapshot_of_another_version(capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    assert run(["snapshot", dsn, "-o", str(file)]) == 0
    capsys.readouterr()
    file.write_text(file.read_text().replace('"version":1,"snapshot"', '"version":9,"snapshot"', 1))
    assert "format 9" in complaint(capsys, "audit", str(file))


def test_a_plan_for_another_database(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, server: object
) -> None:
    file = tmp_path / "plan.json"
    assert run(["plan", dsn, "--format", "json", "-o", str(file)]) == 0
    capsys.readouterr()
    text = file.read_text()
    fingerprint = text.split('"fingerprint":')[1].split('"')[1]
    file.write_text(text.replace(fingerprint, "0" * 16))
    assert "another database" in complaint(capsys, "apply", dsn, "--plan", str(file), "--yes")
    assert _indexes(dsn) == 2


def test_a_plan_file_cut_short(capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert run(["plan", dsn, "--format", "json", "-o", str(file)]) == 0
    capsys.readouterr()
    file.write_text(file.read_text()[:200])
    assert "plan" in complaint(capsys, "apply", dsn, "--plan", str(file), "--yes")


@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_undo_without_a_record(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, how: str
) -> None:
    said = complaint(capsys, "undo", dsn, how, "--journal", str(tmp_path))
    assert "no record for database test_" in said
    assert str(tmp_path) in said


def test_undo_of_an_object_that_the_record_does_not_know(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path
) -> None:
    assert run(["apply", dsn, "--yes", "--journal", str(tmp_path)]) == 0
    capsys.readouterr()
    said = complaint(capsys, "undo", dsn, "--yes", "--journal", str(tmp_path), "--object", "mesages")
    assert "'mesages'" in said
    assert "did you mean messages" in said


def test_an_unknown_key_in_the_configuration(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "tenfold.toml").write_text('[tenancy]\ncolum = "team_id"\n')
    said = complaint(capsys, "audit", dsn)
    assert "unknown key `colum` in [tenancy]" in said


def test_a_configuration_that_names_an_absent_table(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "tenfold.toml").write_text('[tenancy]\ntenant_table = "absent"\n')
    assert "'absent'" in complaint(capsys, "audit", dsn)


def test_an_unknown_rule(capsys: pytest.CaptureFixture[str], dsn: str) -> None:
    said = complaint(capsys, "audit", dsn, "--only", "tenant-index-mising")
    assert "did you mean tenant-index-missing" in said


def test_an_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--forma" in complaint(capsys, "audit", "--forma", "json")


def test_an_output_that_cannot_be_written(capsys: pytest.CaptureFixture[str], dsn: str) -> None:
    said = complaint(capsys, "audit", dsn, "--format", "json", "-o", "/no/such/folder/report.json")
    assert "cannot be written" in said


def test_a_baseline_that_is_none(capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text("{}")
    assert "no baseline" in complaint(capsys, "audit", dsn, "--baseline", str(tmp_path / "baseline.json"))


def test_apply_to_a_file(capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    assert run(["snapshot", dsn, "-o", str(file)]) == 0
    capsys.readouterr()
    assert "live database" in complaint(capsys, "apply", str(file), "--yes")


def test_no_tenancy_still_runs_the_other_rules(capsys: pytest.CaptureFixture[str], database: str) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, "CREATE TABLE settings (name text, value json)")
    assert run(["audit", database]) == 1
    said = capsys.readouterr().out
    assert "no tenant column" in said.lower()
    assert "tenfold.toml" in said
    assert "pk-missing" in said


@pytest.mark.parametrize("command", ["audit", "plan", "apply"])
def test_an_empty_database_is_probably_another_one_than_was_meant(
    capsys: pytest.CaptureFixture[str], database: str, command: str
) -> None:
    assert "has no tables, so there is nothing to judge" in complaint(capsys, command, database)


def test_an_empty_database_can_be_saved(
    capsys: pytest.CaptureFixture[str], database: str, tmp_path: Path
) -> None:
    file = tmp_path / "empty.json"
    assert run(["snapshot", database, "-o", str(file)]) == 0
    capsys.readouterr()
    assert "has no tables" in complaint(capsys, "audit", str(file))


def _indexes(dsn: str) -> int:
    with contextlib.closing(connect(dsn)) as connection:
        row = connection.execute("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("ignore", "said"),
    [
        ('rule = "tenant-index-mising"\nreason = "x"', "did you mean tenant-index-missing"),
        ('rule = "pk-missing"\nreason = " "', "says no reason"),
    ],
)
def test_an_ignore_that_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, ignore: str, said: str
) -> None:
    (tmp_path / "tenfold.toml").write_text(f"[[ignore]]\n{ignore}\n")
    assert said in complaint(capsys, "audit", dsn)


def test_an_object_that_no_change_is_about(capsys: pytest.CaptureFixture[str], dsn: str) -> None:
    assert "no change of 'absent'" in complaint(capsys, "apply", dsn, "--object", "absent", "--yes")


@pytest.mark.parametrize(
    "text", ["[operations_per_day]\nmesages = 5", '[personal_data]\ntables = ["mesages"]']
)
def test_a_misspelt_table_in_the_configuration(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, text: str
) -> None:
    (tmp_path / "tenfold.toml").write_text(text + "\n")
    assert "'mesages'" in complaint(capsys, "audit", dsn)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('exclude_schemas = ["vendr"]', "exclude_schemas names 'vendr'"),
        ("[operations_per_day]\nmessages = -5", "[operations_per_day] of 'messages' is -5"),
        ('[tenancy]\napplication_role = "postgre"', "did you mean postgres"),
    ],
)
def test_a_configuration_that_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "tenfold.toml").write_text(text + "\n")
    assert said in complaint(capsys, "audit", dsn)


@pytest.mark.parametrize("command", ["audit", "plan"])
@pytest.mark.parametrize(
    "text",
    [
        '[tenancy]\napplication_role = "role_to_be_made"',
        '[[ignore]]\nrule = "pk-missing"\nreason = "x"\nobject = "role_to_be_made"',
    ],
)
def test_a_name_that_is_not_there_yet_is_a_warning(
    capsys: pytest.CaptureFixture[str], dsn: str, tmp_path: Path, command: str, text: str
) -> None:
    (tmp_path / "tenfold.toml").write_text(text + "\n")
    assert run([command, dsn]) in (0, 1)
    captured = capsys.readouterr()
    assert captured.err.startswith("tenfold: warning: [")
    assert "'role_to_be_made', and there is no such" in captured.err
    assert "warning" not in captured.out
