"""`tenfold gate`: what passes and fails when the schema or a query changes."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from tenfold.cli.main import run
from tenfold.pg.connect import connect, execute_script

pytestmark = pytest.mark.servers(15, 18)

QUERIES = """
-- name: board
SELECT id, email FROM leads WHERE team_id = $1 AND status = $2 ORDER BY score LIMIT 50;
-- name: lead
SELECT * FROM leads WHERE id = $1;
"""


@pytest.fixture
def gate(database: str, tmp_path: Path) -> list[str]:
    (tmp_path / "queries.sql").write_text(QUERIES)
    return ["gate", database, "--queries", "queries.sql", "--baseline", "plans.json", "--tenant", "1"]


def change(database: str, script: str) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, script)


def test_nothing_changes_and_the_file_is_the_same_to_the_byte(
    gate: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*gate, "--update"]) == 0
    first = (tmp_path / "plans.json").read_bytes()
    capsys.readouterr()
    assert run(gate) == 0
    assert "2 same" in capsys.readouterr().out
    assert run([*gate, "--update"]) == 0
    assert (tmp_path / "plans.json").read_bytes() == first
    assert b"secret" not in first


def test_a_dropped_index_fails_and_shows_the_tree(
    gate: list[str], database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*gate, "--update"]) == 0
    kept = (tmp_path / "plans.json").read_bytes()
    change(database, "DROP INDEX leads_team_status")
    capsys.readouterr()
    assert run(gate) == 1
    out = capsys.readouterr().out
    assert "worse board: cost" in out
    assert "worse lead" not in out
    lines = out.splitlines()
    assert any(line.startswith("  - ") and "leads_team_status" in line for line in lines)
    assert any(line.startswith("  + ") and "on leads" in line for line in lines)
    assert max(map(len, lines)) <= 100
    assert (tmp_path / "plans.json").read_bytes() == kept

    assert run([*gate, "--update"]) == 0
    assert run(gate) == 0


def test_a_better_index_is_told_and_passes(
    gate: list[str], database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(database, "DROP INDEX leads_team_status")
    assert run([*gate, "--update"]) == 0
    change(database, "CREATE INDEX leads_board ON leads (team_id, status, score)")
    capsys.readouterr()
    assert run(gate) == 0
    assert "better board" in capsys.readouterr().out


def test_a_worse_query_and_a_dropped_table_fail(
    gate: list[str], database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = [*gate, "--role", "postgres"]
    assert run([*gate, "--update"]) == 0
    (tmp_path / "queries.sql").write_text(QUERIES.replace("WHERE id = $1", "WHERE id + 0 = $1"))
    capsys.readouterr()
    assert run([*gate, "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] is True
    (lead,) = [query for query in document["result"]["queries"] if query["name"] == "lead"]
    assert lead["change"] == "worse"
    assert any("an index found rows of leads" in reason for reason in lead["reasons"])
    change(database, "ALTER TABLE leads RENAME TO people")
    assert run(gate) == 1
    assert "cannot be planned any more" in capsys.readouterr().out


def test_a_scenario_gives_the_size(
    gate: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scenario.toml").write_text('at = [0, 12]\n[tenants]\ngrowth = "10%"\n')
    assert run([*gate, "--scenario", "scenario.toml", "--update"]) == 0
    assert '"size": "month 12"' in (tmp_path / "plans.json").read_text()
    assert run([*gate, "--scenario", "scenario.toml"]) == 0


def test_bad_input_is_one_line(gate: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*more: str) -> str:
        capsys.readouterr()
        assert run([*gate, *more]) == 2
        captured = capsys.readouterr()
        assert len(captured.err.strip().splitlines()) == 1
        return captured.err

    assert "make it with --update" in complaint()
    assert "give one of them" in complaint("--scale", "2", "--scenario", "s.toml")
    assert "--scale" in complaint("--scale", "0")
    (tmp_path / "plans.json").write_text("{")
    assert "is damaged" in complaint()
    assert run([*gate, "--update"]) == 0
    assert "is at 100x, not 10x" in complaint("--scale", "10")
    assert "cannot be read" in complaint("--queries", "none.sql")
