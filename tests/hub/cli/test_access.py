"""Organizations and keys that are made on the command line."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.errors import UsageError
from tenfold_hub.cli.access import create_key, create_organization
from tenfold_hub.roles import ROLES
from tests.hub.conftest import client_of


async def test_a_key_opens_what_its_scopes_say(owner: str, app: httpx.ASGITransport) -> None:
    id = create_organization(owner, "initech", "Initech")
    assert id.startswith("org_")
    async with client_of(app, create_key(owner, "initech", "narrow", ["companies:read"])) as client:
        assert (await client.get("/companies")).status_code == 200
        assert (await client.post("/companies", json={"name": "Hooli"})).status_code == 403
        assert (await client.get("/people")).status_code == 403


def test_a_role_that_policies_bind_names_the_organization_by_its_id(owner: str) -> None:
    id = create_organization(owner, "initech", "Initech")
    bound = make_conninfo(owner, user=ROLES.application)
    assert create_key(bound, id, "by id", ["*"]).startswith("hub_")
    with pytest.raises(UsageError, match=r"by its id alone: give org_\.\.\."):
        create_key(bound, "initech", "by slug", ["*"])


def test_the_key_itself_is_nowhere(owner: str) -> None:
    create_organization(owner, "initech", "Initech")
    key = create_key(owner, "initech", "one", ["*"])
    with psycopg.connect(owner) as connection:
        rows = connection.execute("SELECT k::text FROM identity.api_keys k").fetchall()
    assert len(rows) == 1
    assert key.rpartition("_")[2] not in rows[0][0]


@pytest.mark.parametrize("slug", ["a", "-a", "Acme", "a b", "ä1", "a" * 64])
def test_what_is_no_slug(owner: str, slug: str) -> None:
    with pytest.raises(UsageError, match="a slug is 2 to 63"):
        create_organization(owner, slug, "Name")


def test_a_slug_that_is_taken_and_one_that_is_not_there(owner: str) -> None:
    create_organization(owner, "initech", "Initech")
    with pytest.raises(UsageError, match="there is an organization initech already"):
        create_organization(owner, "initech", "Initech")
    with pytest.raises(UsageError, match="there is no organization hooli"):
        create_key(owner, "hooli", "one", ["*"])
    with pytest.raises(UsageError, match="there is no organization org_"):
        create_key(owner, "org_00000000000000000000000000", "one", ["*"])


def test_what_is_no_scope(owner: str) -> None:
    with pytest.raises(UsageError, match="'Companies' is no scope"):
        create_key(owner, "initech", "one", ["Companies"])
