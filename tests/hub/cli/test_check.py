"""`tenfold hub check` finds what is wrong with a hub, and leaves nothing behind."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold_hub.cli.check import check
from tenfold_hub.cli.isolation import Tried, try_all
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import PREFIX
from tests.hub.conftest import SECRET


def tried(owner: str) -> dict[str, Tried]:
    with psycopg.connect(owner, autocommit=True) as connection:
        return {each.table: each for each in try_all(connection, ROLES.application)}


def test_every_table_holds_and_could_be_tried(owner: str) -> None:
    found = tried(owner)
    assert len(found) > 30
    assert {name: each.leaked for name, each in found.items() if each.leaked} == {}
    assert {name: each.untried for name, each in found.items() if each.untried} == {}


def test_nothing_of_it_stays(owner: str) -> None:
    tried(owner)
    with psycopg.connect(owner) as connection:
        for table in ("identity.organizations", "identity.people", "crm.contacts"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize(
    ("fault", "leak"),
    [
        ("ALTER TABLE crm.companies DISABLE ROW LEVEL SECURITY", "shows rows of other organizations"),
        ("CREATE POLICY open ON crm.companies USING (true)", "shows rows of other organizations"),
        (
            "CREATE POLICY open ON crm.companies FOR INSERT WITH CHECK (true)",
            "takes rows of another organization",
        ),
        (
            "CREATE POLICY open ON crm.companies FOR UPDATE USING (organization_id::text ="
            " current_setting('app.organization_id')) WITH CHECK (true)",
            "lets rows be given to another organization",
        ),
        ("GRANT TRUNCATE ON crm.companies TO hub_app", "may be truncated"),
        ("DROP POLICY of_organization ON crm.companies", "does not show rows of its own organization"),
    ],
)
def test_a_table_that_leaks_is_named(owner: str, fault: str, leak: str) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute(fault)
    found = tried(owner)
    assert leak in found["crm.companies"].leaked
    assert [name for name, each in found.items() if each.leaked] == ["crm.companies"]


def environment(owner: str) -> dict[str, str]:
    return {
        f"{PREFIX}DATABASE": make_conninfo(owner, user=ROLES.application),
        f"{PREFIX}SECRET": SECRET,
    }


def test_a_hub_that_is_as_it_must_be(owner: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(owner, environment(owner)) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["ok", what] for what in ("configuration", "roles", "migrations", "audit", "isolation")
    ]


def test_what_is_wrong_is_said(owner: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(owner) as connection:
        connection.execute("ALTER TABLE crm.companies DISABLE ROW LEVEL SECURITY")
        connection.execute("UPDATE hub_migrations.migrations SET version_num = '0001'")
    assert check(owner, environment(owner) | {f"{PREFIX}SECRET": "short"}) == 1
    said = capsys.readouterr().out
    assert "wrong    configuration  the secret of a hub is at least 32 random bytes" in said
    assert "wrong    migrations     the database is at 0001" in said
    with psycopg.connect(owner) as connection:
        from tenfold_hub.migrate import head

        connection.execute("UPDATE hub_migrations.migrations SET version_num = %s", [head()])
    assert check(owner, environment(owner)) == 1
    said = capsys.readouterr().out
    assert "wrong    isolation      crm.companies shows rows of other organizations" in said
    assert "crm.companies" in next(line for line in said.splitlines() if "audit" in line)


def test_without_a_superuser_isolation_is_not_tried(owner: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(make_conninfo(owner, user=ROLES.owner), environment(owner))
    assert "untried  isolation      it takes a superuser" in capsys.readouterr().out
