"""What `apply --phase isolation` says first, of a database that has policies and rows of nobody already."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tenfold.cli.main import run
from tenfold.pg.connect import connect, execute_script

if TYPE_CHECKING:
    from tests.conftest import TemplateDatabase

SCHEMA = """
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS bigint LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::bigint $$;
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE messages (id bigint PRIMARY KEY, team_id bigint REFERENCES teams);
CREATE TABLE notes (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams, author text);
CREATE TABLE leads (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams);
CREATE POLICY of_the_user ON notes USING (team_id = auth.uid());
CREATE POLICY of_the_author ON notes FOR SELECT USING (author = CURRENT_USER);
CREATE POLICY everything ON leads USING (true);
INSERT INTO teams SELECT generate_series(1, 4);
INSERT INTO messages SELECT n, CASE WHEN n % 4 > 0 THEN n % 4 END FROM generate_series(1, 100) n;
ANALYZE;
"""


def load(dsn: str) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        execute_script(connection, SCHEMA)


@pytest.fixture
def dsn(template_database: TemplateDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenfold.toml").write_text('[tenancy]\ncolumns = ["team_id"]\nsetting = "app.team_id"\n')
    return template_database("policies-of-its-own", load)


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def test_it_names_rows_of_nobody_and_policies_that_go_by_something_else(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", dsn, "--phase", "isolation", "--dry-run"]) in (0, 1)
    said = words(capsys.readouterr().out)
    assert "messages.team_id: null in about 25.0% of the rows, by statistics" in said
    assert "SELECT count(*) FROM public.messages WHERE team_id IS NULL;" in said
    assert "of_the_user on notes (permissive) goes by auth.uid() ANDed with the restrictive policy" in said
    assert "of_the_author on notes (permissive) goes by current_user" in said
    assert "everything on leads (permissive) goes by nothing of the session" in said
    assert "the plan rewrites its USING to compare with app.team_id" in said


def test_the_plan_announces_a_policy_that_it_rewrites(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", dsn, "--phase", "isolation"]) == 0
    said = capsys.readouterr().out
    assert "USING of policy everything" in said
    assert "goes by app.team_id, so far by nothing of the" in said


def test_off_a_terminal_the_table_has_its_headings_and_lines_their_width(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", dsn, "--phase", "isolation"]) == 2
    said = capsys.readouterr()
    assert "no terminal" in said.err
    heading = next(line for line in said.out.splitlines() if "lock" in line.split())
    assert heading.split() == ["change", "lock", "held", "takes"]
    assert max(len(line) for line in said.out.splitlines()) > 80
