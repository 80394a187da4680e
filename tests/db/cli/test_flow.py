"""The main job on the command line: audit, plan, apply, isolate, undo, on the example."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tenfold.cli.example import example_folder
from tenfold.cli.main import run
from tenfold.model.change import Phase
from tenfold.pg.connect import connect, execute_script

if TYPE_CHECKING:
    from tests.conftest import TemplateDatabase

EXAMPLE = example_folder()
CONFIG = str(EXAMPLE / "tenfold.toml")


def load(dsn: str) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        for name in ("schema.sql", "seed_rows.sql"):
            execute_script(connection, (EXAMPLE / name).read_text(encoding="utf-8"))


@pytest.fixture
def dsn(template_database: TemplateDatabase) -> str:
    return template_database("outreach", load)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def report(capsys: pytest.CaptureFixture[str], dsn: str, *more: str) -> dict[str, object]:
    capsys.readouterr()
    run(["audit", dsn, "--config", CONFIG, "--format", "json", *more])
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_the_audit_reproduces_the_lists_of_the_document(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, dsn)
    assert document["version"] == 1
    tenancy = document["tenancy"]
    assert isinstance(tenancy, dict)
    assert tenancy["column"] == "team_id"
    assert tenancy["tenant_table"] == "teams"
    assert tenancy["tables"] == {"tenant": 56, "child": 2, "shared": 0}
    assert tenancy["indexed"] == 11
    assert len(tenancy["missing"]) == 45
    assert {"messages", "integrations", "campaigns", "suppression_list"} <= set(tenancy["missing"])
    findings = document["findings"]
    assert isinstance(findings, list)
    by_rule: dict[str, list[str]] = {}
    for finding in findings:
        by_rule.setdefault(finding["rule"], []).append(finding["object"])
    assert len(by_rule["tenant-rls-off"]) == 59
    assert sorted(by_rule["tenant-column-missing"]) == ["campaign_events", "campaign_executions"]
    redundant = [finding for finding in findings if finding["rule"] == "index-prefix-redundant"]
    assert sorted(finding["object"] for finding in redundant) == ["lead_labels", "leads", "team_invitations"]
    assert len({finding["key"] for finding in findings}) == len(findings)


def test_a_saved_snapshot_is_judged_like_the_database(
    dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "outreach.json.gz"
    assert run(["snapshot", dsn, "-o", str(file)]) == 0
    # Roles and connections belong to the whole server, which other tests use meanwhile.
    only = ["--only", "schema,tenant-index-missing,tenant-fk-cross,tenant-rls-off,index-prefix-redundant"]
    live, saved = report(capsys, dsn, *only), report(capsys, str(file), *only)
    assert live["findings"]
    assert saved["findings"] == live["findings"]


def test_a_baseline_leaves_only_what_is_new(
    dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "baseline.json"
    only = ["--only", "tenancy", "--config", CONFIG]
    assert run(["audit", dsn, *only, "--format", "json", "-o", str(file)]) == 1
    assert run(["audit", dsn, *only, "--baseline", str(file)]) == 0
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, "CREATE TABLE newcomers (id bigint PRIMARY KEY, team_id bigint NOT NULL)")
    capsys.readouterr()
    assert run(["audit", dsn, *only, "--baseline", str(file), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["object"] for finding in found} == {"newcomers"}


@pytest.mark.parametrize(("threshold", "code"), [("P0", 1), ("P1", 1), ("P2", 1)])
def test_findings_at_the_threshold_give_exit_code_one(dsn: str, threshold: str, code: int) -> None:
    assert run(["audit", dsn, "--config", CONFIG, "--fail-on", threshold]) == code


def test_findings_below_the_threshold_give_exit_code_zero(dsn: str) -> None:
    assert run(["audit", dsn, "--config", CONFIG, "--only", "fk-duplicate", "--fail-on", "P1"]) == 0


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "sarif"])
def test_every_format_is_written(dsn: str, tmp_path: Path, form: str) -> None:
    file = tmp_path / "report"
    assert run(["audit", dsn, "--config", CONFIG, "--format", form, "-o", str(file)]) == 1
    assert "messages" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["text", "sql", "alembic", "json"])
def test_every_format_of_a_plan_is_written(dsn: str, tmp_path: Path, form: str) -> None:
    file = tmp_path / "plan"
    assert run(["plan", dsn, "--config", CONFIG, "--format", form, "-o", str(file)]) == 0
    assert "idx_messages_team_id" in file.read_text(encoding="utf-8")


def test_a_revision_says_whether_it_leaves_row_level_security_out(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["plan", dsn, "--config", CONFIG, "--format", "alembic", "--object", "messages"]
    assert run(command) == 0
    assert "Row-level security is left out (1 more, phase isolation)" in capsys.readouterr().out
    assert run([*command, *(part for phase in Phase for part in ("--phase", phase))]) == 0
    assert "is left out" not in capsys.readouterr().out


def test_apply_dry_run_changes_nothing(dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = schema_of(dsn)
    assert run(["apply", dsn, "--config", CONFIG, "--dry-run", "--journal", str(tmp_path)]) == 0
    assert "would do" in capsys.readouterr().out
    assert schema_of(dsn) == before


def test_apply_asks_before_it_writes(dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = schema_of(dsn)
    assert run(["apply", dsn, "--config", CONFIG, "--journal", str(tmp_path)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert schema_of(dsn) == before


def test_apply_isolate_and_undo(dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = schema_of(dsn)
    common = ["--config", CONFIG, "--yes", "--journal", str(tmp_path)]
    assert run(["apply", dsn, *common]) == 0
    assert secured(dsn) == 0, "row-level security is applied only when it is named"
    after = report(capsys, dsn)["tenancy"]
    assert isinstance(after, dict)
    assert (after["indexed"], after["missing"]) == (58, [])

    assert run(["apply", dsn, *common, "--phase", "isolation"]) == 0
    said = capsys.readouterr().out
    assert "app.team_id" in said
    assert secured(dsn) == 59

    assert run(["apply", dsn, *common]) == 0
    assert run(["undo", dsn, "--yes", "--journal", str(tmp_path), "--phase", "isolation"]) == 0
    assert secured(dsn) == 0
    assert run(["undo", dsn, "--yes", "--journal", str(tmp_path)]) == 0
    assert schema_of(dsn) == before


ORPHANS = """
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE notes (id bigint PRIMARY KEY, team_id bigint NOT NULL);
CREATE TABLE tasks (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams);
INSERT INTO teams VALUES (1);
INSERT INTO notes VALUES (1, 1), (2, 99);
"""


def test_rows_that_break_a_wished_key_fail_that_change_alone_and_can_be_found(
    database: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        execute_script(connection, ORPHANS)
    assert run(["apply", database, "--yes", "--journal", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1 failed" in said
    assert said.count("failed: ") == 1
    query = said.partition("such rows: ")[2].splitlines()[0]
    with contextlib.closing(connect(database)) as connection:
        assert connection.execute(query.encode()).fetchall() == [(2, 99)]
        names = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'notes'").fetchall()
    assert ("idx_notes_team_id",) in names


def secured(dsn: str) -> int:
    with contextlib.closing(connect(dsn)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        ).fetchone()
    assert row is not None
    return int(row[0])


def schema_of(dsn: str) -> list[tuple[object, ...]]:
    """Columns, indexes, constraints, policies and triggers, by their text."""
    with contextlib.closing(connect(dsn)) as connection:
        return connection.execute(
            "SELECT attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod), attnotnull"
            "  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            "   AND attnum > 0 AND NOT attisdropped"
            " UNION ALL SELECT tablename, indexname, indexdef, NULL FROM pg_indexes"
            "  WHERE schemaname = 'public'"
            # That rows satisfy a check was found out, and is not taken back.
            " UNION ALL SELECT conrelid::regclass::text, conname,"
            "  replace(pg_get_constraintdef(oid), ' NOT VALID', ''), NULL"
            "  FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " UNION ALL SELECT tablename, policyname, qual, NULL FROM pg_policies"
            " UNION ALL SELECT tgrelid::regclass::text, tgname, tgenabled::text, NULL FROM pg_trigger"
            "  WHERE NOT tgisinternal"
            " ORDER BY 1, 2, 3"
        ).fetchall()
