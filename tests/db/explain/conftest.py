"""A database of two tables with skewed tenants, behind a policy, filled and analysed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.pg.connect import connect, execute_script

SCHEMA = """
CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE leads (
  id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams, status text NOT NULL,
  email text NOT NULL, score int NOT NULL, created_at timestamptz NOT NULL, custom jsonb NOT NULL);
INSERT INTO teams SELECT n, 'team ' || n FROM generate_series(1, 50) n;
INSERT INTO leads
  SELECT n, CASE WHEN n % 2 = 0 THEN 1 ELSE 1 + n % 50 END, (ARRAY['new', 'open', 'won'])[1 + n % 3],
         'secret' || n || '@example.net', n * 7919 % 10007,
         timestamptz '2024-01-01 00:00+00' + n * interval '1 minute',
         jsonb_build_object('n', n)
    FROM generate_series(1, 20000) n;
CREATE INDEX leads_team_status ON leads (team_id, status, score);
CREATE INDEX leads_email ON leads (email);
CREATE INDEX leads_created ON leads (created_at);
CREATE INDEX leads_custom ON leads USING gin (custom);
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON leads
  USING (team_id = (SELECT nullif(current_setting('app.team_id', true), '')::bigint));
"""

CONFIG = """
[tenancy]
columns = ["team_id"]
setting = "app.team_id"
application_role = "{role}"
"""


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """The application's role, whom the policy binds."""
    with contextlib.closing(connect(database, writable=True)) as connection:
        name = f"app_{connection.info.dbname}"
        execute_script(
            connection,
            f"{SCHEMA} CREATE ROLE {name} LOGIN; GRANT SELECT, INSERT, DELETE ON leads, teams TO {name}",
        )
        execute_script(connection, "VACUUM ANALYZE leads")
        execute_script(connection, "VACUUM ANALYZE teams")
        yield name
        execute_script(connection, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture(autouse=True)
def _configured(role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration is found upwards from the working directory."""
    (tmp_path / "tenfold.toml").write_text(CONFIG.format(role=role))
    monkeypatch.chdir(tmp_path)
