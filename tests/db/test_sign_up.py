"""The page on signing up a tenant, run: its statements, on the example, as a role that policies bind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tenfold.cli.example import example_folder
from tenfold.cli.main import run

PAGE = Path(__file__).parents[2] / "docs/how-to/sign-up-a-tenant.md"
EXAMPLE = example_folder()


@pytest.fixture
def owner(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        for name in ("schema.sql", "seed_rows.sql"):
            connection.execute((EXAMPLE / name).read_text(encoding="utf-8").encode())
    return database


@pytest.fixture
def application(owner: str, tmp_path: Path) -> Iterator[str]:
    """Connects as the application's role, once the example is isolated."""
    role = f"app_of_{conninfo_to_dict(owner)['dbname']}"
    config = (EXAMPLE / "tenfold.toml").read_text(encoding="utf-8").replace("outreach_app", role)
    (tmp_path / "tenfold.toml").write_text(config, encoding="utf-8")
    (tmp_path / "workload.sql").write_bytes((EXAMPLE / "workload.sql").read_bytes())
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        try:
            common = ["--config", str(tmp_path / "tenfold.toml"), "--journal", str(tmp_path), "--yes"]
            assert run(["apply", owner, *common, "--phase", "isolation"]) == 0
            yield f"{owner} user={role}"
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def statements() -> list[str]:
    """The page's blocks of SQL."""
    return re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def carry_out(dsn: str, block: str) -> None:
    with contextlib.closing(psycopg.connect(dsn, autocommit=True)) as connection:
        connection.execute(block.encode())


def test_a_tenant_signs_up_as_the_page_says(owner: str, application: str) -> None:
    refused, grant, signs_up, taken = statements()
    role = conninfo_to_dict(application)["user"]
    carry_out(owner, grant.replace(" TO app;", f" TO {role};"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        carry_out(application, refused)

    carry_out(application, signs_up)
    with psycopg.connect(owner, autocommit=True) as everybody:
        rows = everybody.execute(
            "SELECT t.id, m.email FROM teams t JOIN team_members m ON m.team_id = t.id WHERE slug = 'acme'"
        ).fetchall()
    assert [email for _, email in rows] == ["ada@acme.example"]

    with pytest.raises(psycopg.errors.UniqueViolation):
        carry_out(application, taken)

    with psycopg.connect(application) as member:
        assert member.execute("SELECT count(*) FROM teams").fetchone() == (0,)
        member.execute("SELECT set_config('app.team_id', %s, true)", [str(rows[0][0])])
        assert member.execute("SELECT name FROM teams").fetchall() == [("Acme",)]
        assert member.execute("SELECT count(DISTINCT team_id) FROM team_members").fetchone() == (1,)
