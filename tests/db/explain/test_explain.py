"""`tenfold explain`: the twin's plans at several sizes beside the real ones, as the role that asks."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tenfold.cli.main import run
from tenfold.pg.connect import connect, execute_script

pytestmark = pytest.mark.servers(15, 18)

BOARD = "SELECT id FROM leads WHERE team_id = $1 AND status = $2 ORDER BY score LIMIT 50"


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["explain", *arguments, "--format", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    found: dict[str, Any] = document["explanation"]
    return found


def only(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    (query,) = explained(capsys, *arguments)["queries"]
    found: dict[str, Any] = query
    return found


def kinds(answer: dict[str, Any]) -> set[str]:
    return {verdict["kind"] for verdict in answer["verdicts"]}


def nodes(plan: dict[str, Any]) -> list[str]:
    found = [plan["Node Type"]]
    for child in plan.get("Plans", []):
        found += nodes(child)
    return found


def test_the_twins_figures_beside_the_real_ones(
    database: str, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query = only(capsys, database, BOARD, "--analyze", "--tenant", "1")
    (answer,), real = query["answers"], query["measured"]
    assert answer["size"], real["size"] == ("1x", "real")
    assert nodes(real["plan"]["Plan"]) == nodes(answer["plan"]["Plan"])
    assert real["plan"]["Plan"]["Total Cost"] == pytest.approx(answer["plan"]["Plan"]["Total Cost"], rel=0.05)
    assert real["plan"]["Plan"]["Actual Rows"] == 50
    assert real["plan"]["Plan"]["Actual Total Time"] > 0
    assert "Actual Rows" not in answer["plan"]["Plan"]


def test_several_sizes_are_compared(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    statement = "SELECT id FROM leads WHERE email LIKE $1 ORDER BY id LIMIT 10"
    query = only(capsys, database, statement, "--scale", "100,1", "--role", "postgres", "--param", "%z%")
    assert [answer["size"] for answer in query["answers"]] == ["1x", "100x"]
    small, large = (answer["plan"]["Plan"] for answer in query["answers"])
    assert large["Total Cost"] > small["Total Cost"]


def test_an_index_is_tried_and_another_left_out(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    statement = "SELECT id FROM leads WHERE abs(score) = 7"
    index = "CREATE INDEX CONCURRENTLY leads_score ON leads (abs(score))"
    tried = only(capsys, database, statement, "--role", "postgres", "--with-index", index)
    assert [answer["size"] for answer in tried["answers"]] == ["1x", "1x changed"]
    without, made = (nodes(answer["plan"]["Plan"]) for answer in tried["answers"])
    assert without == ["Seq Scan"]
    assert "Seq Scan" not in made
    one = ("SELECT id FROM leads WHERE email = 'x'", "--role", "postgres", "--without-index", "leads_email")
    there, hidden = (nodes(answer["plan"]["Plan"]) for answer in only(capsys, database, *one)["answers"])
    assert there == ["Index Scan"]
    assert hidden == ["Seq Scan"]


def test_an_index_that_is_not_there_is_told_with_names_like_it(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", database, "SELECT 1 FROM leads", "--without-index", "leads_emial"]) == 2
    assert "did you mean leads_email" in capsys.readouterr().err


def test_a_policy_closes_the_gin_index_to_the_application_alone(
    database: str, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement = "SELECT id FROM leads WHERE custom @> '{\"n\": 7}'"
    bound = only(capsys, database, statement, "--scale", "10")["answers"][0]
    assert "not-leakproof" in kinds(bound)
    free = only(capsys, database, statement, "--scale", "10", "--role", "postgres")["answers"][0]
    assert "Bitmap Index Scan" in nodes(free["plan"]["Plan"])
    assert "not-leakproof" not in kinds(free)


def test_a_cast_and_a_scan_are_found_in_real_plans(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    statement = "SELECT id FROM leads WHERE created_at::date = '2024-01-03'"
    query = only(capsys, database, statement, "--role", "postgres", "--analyze")
    for answer in (query["answers"][0], query["measured"]):
        assert {"index-missed", "sequential-scan"} <= kinds(answer)
    assert "estimate-off" in kinds(query["measured"])


def test_a_sort_that_is_expected_to_spill_does(
    database: str, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, f"ALTER ROLE {role} SET work_mem = '64kB'")
    query = only(capsys, database, "SELECT * FROM leads ORDER BY score, id", "--analyze")
    assert "spill" in kinds(query["answers"][0])
    assert "spill" in kinds(query["measured"])


def test_no_value_of_a_row_is_shown(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json"):
        statement = "SELECT id FROM leads WHERE email = $1 AND created_at > $2"
        assert run(["explain", database, statement, "--analyze", "--format", form]) == 0
        out = capsys.readouterr().out
        assert "secret" not in out.replace("Secret", "")
        assert "2024-01" not in out
        assert "email = ?" in out


def test_given_parameters_are_shown_and_generic_plans_say_so(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement = "SELECT id FROM leads WHERE email = $1"
    query = only(capsys, database, statement, "--param", "me@example.net", "--role", "postgres")
    assert "me@example.net" in query["answers"][0]["plan"]["Plan"]["Index Cond"]
    generic = only(capsys, database, statement, "--generic", "--role", "postgres")["answers"][0]
    assert generic["generic"] is True
    assert "$1" in generic["plan"]["Plan"]["Index Cond"]


def test_a_file_of_queries_with_one_that_writes(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "q.sql"
    file.write_text(f"-- name: board\n{BOARD};\n-- name: clear\nDELETE FROM leads WHERE team_id = $1;\n")
    board, clear = explained(capsys, database, str(file), "--analyze")["queries"]
    assert board["measured"]["plan"]["Plan"]["Actual Rows"] == 50
    assert clear["answers"][0]["plan"]["Plan"]["Operation"] == "Delete"
    assert clear["measured"]["why_not"] == "not run, because it writes or locks rows"
    assert explained(capsys, database, str(file), "--only", "board")["queries"][0]["name"] == "board"
    assert _count(database) == 20_000


def test_a_function_that_writes_is_stopped_by_the_server(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        connection.execute(
            "CREATE FUNCTION wipe() RETURNS bigint LANGUAGE sql AS 'DELETE FROM leads; SELECT 1::bigint'"
        )
    query = only(capsys, database, "SELECT wipe()", "--analyze", "--role", "postgres")
    assert "read-only transaction" in query["measured"]["why_not"]
    assert _count(database) == 20_000


def test_a_statement_that_takes_too_long_is_cancelled(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statement = "SELECT count(*) FROM leads a, leads b, leads c WHERE a.id + b.id + c.id = 0"
    query = only(capsys, database, statement, "--analyze", "--role", "postgres", "--timeout", "1")
    assert query["measured"]["why_not"] == "cancelled after 1 s"
    assert query["answers"][0]["plan"]["Plan"]["Total Cost"] > 0


def test_the_page_fits_a_terminal(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", database, BOARD, "--scale", "1,10,100,1000", "--analyze"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("leads_team_status" in line for line in lines)


def test_a_snapshot_file_serves(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshot", database, "-o", str(tmp_path / "s.json")]) == 0
    from_file = only(capsys, str(tmp_path / "s.json"), BOARD)
    assert from_file == only(capsys, database, BOARD)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELEC 1"], "is no SELECT"),
        (["SELECT FROM no_such"], 'relation "no_such" does not exist'),
        (["SELECT 1; SELECT 2"], "cannot insert multiple commands"),
        (["SELECT 1", "--scale", "0"], "no factor above 0"),
        (["SELECT 1", "--scale", "x"], "is no number"),
        (["SELECT 1", "--role", "nobody_here"], "there is no role nobody_here"),
        (["DELETE FROM leads", "--analyze"], "writes or locks rows"),
        (["SELECT 1", "--generic", "--analyze"], "give one of them"),
        (["SELECT 1", "--generic", "--param", "1"], "give one of them"),
        (["SELECT FROM leads WHERE id = $1", "--param", "x"], "invalid input syntax"),
        (["SELECT FROM leads WHERE id = $1", "--param", "1", "--param", "2"], "parameter"),
        (["no-such.sql"], "there is no file"),
        ([], "there is no query"),
    ],
)
def test_bad_input_is_one_line(
    database: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", database, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1


def test_a_file_cannot_be_run_on(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshot", database, "-o", str(tmp_path / "s.json")]) == 0
    assert run(["explain", str(tmp_path / "s.json"), "SELECT 1", "--analyze"]) == 2
    assert "is not a DSN" in capsys.readouterr().err


def _count(database: str) -> int:
    with contextlib.closing(connect(database)) as connection:
        row = connection.execute("SELECT count(*) FROM leads").fetchone()
    assert row is not None
    return int(row[0])


def test_a_role_that_may_not_become_the_other_has_the_twins_plan_alone(
    database: str, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, f"CREATE ROLE {role}_2 LOGIN")
    try:
        query = only(
            capsys, f"{database} user={role}_2", BOARD, "--analyze", "--param", "1", "--param", "new"
        )
    finally:
        with contextlib.closing(connect(database, writable=True)) as connection:
            execute_script(connection, f"DROP ROLE {role}_2")
    assert "permission denied to set role" in query["measured"]["why_not"]
    assert query["answers"][0]["plan"] is not None
