"""Grants as the server writes them, read back by `parse_acl_item`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.model.roles import parse_acl_item
from tenfold.pg.connect import Connection, connect

pytestmark = pytest.mark.servers(15, 16, 18)

NAMES = [
    "plain",
    "Größe 🙂",
    'a "quoted" one',
    '"',
    "a=b/c",
    "it's",
    "back\\slash",
    "comma, {brace}",
    "x" * 40,
]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_a_grant_is_read_back_as_it_was_made(connection: Connection, name: str) -> None:
    role = f"{name} {connection.info.dbname}"
    with connection.transaction(force_rollback=True):  # roles are the server's, other tests run beside us
        for statement in (
            "CREATE ROLE {role}",
            "CREATE TABLE secret (id int)",
            "ALTER TABLE secret OWNER TO {role}",
            "GRANT SELECT, INSERT ON secret TO pg_monitor WITH GRANT OPTION",
            "GRANT SELECT ON secret TO PUBLIC",
        ):
            connection.execute(statement.replace("{role}", '"' + role.replace('"', '""') + '"').encode())
        row = connection.execute("SELECT relacl::text[] FROM pg_class WHERE relname = 'secret'").fetchone()
        assert row is not None
        grants = {parse_acl_item(item) for item in row[0]}
    assert {grant.grantor for grant in grants} == {role}
    assert {grant.grantee: set(grant.privileges) for grant in grants if grant.grantee != role} == {
        "pg_monitor": {"a", "r"},
        None: {"r"},
    }
    assert role in {grant.grantee for grant in grants}
