"""Recorded statements: of this database, not our own, as far as the role may see them; else the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def recording() -> Iterator[EmbeddedServer]:
    with EmbeddedServer.temporary(settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        with contextlib.closing(connect(server.dsn(), writable=True)) as administrator:
            execute_script(
                administrator, "CREATE ROLE poor LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_monitor"
            )
        yield server


@pytest.fixture
def shop(recording: EmbeddedServer) -> Iterator[str]:
    yield recording.create_database("shop")
    recording.drop_database("shop")


def run(dsn: str, *statements: str) -> None:
    with contextlib.closing(connect(dsn, writable=True)) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def read(dsn: str) -> Snapshot:
    with contextlib.closing(connect(dsn)) as reader:
        return read_snapshot(reader)


def why_hidden(snapshot: Snapshot) -> str:
    (why,) = [hidden.why for hidden in snapshot.hidden if hidden.what == "statements"]
    return why


def test_statements_of_this_database_are_read_and_ours_are_not(recording: EmbeddedServer, shop: str) -> None:
    run(shop, "CREATE EXTENSION pg_stat_statements", "SELECT 'in the shop'")
    run(recording.dsn(), "SELECT 'elsewhere', 1, 2")
    read(shop)
    texts = [statement.text for statement in read(shop).statements]
    assert "SELECT $1" in texts
    assert "SELECT $1, $2, $3" not in texts
    assert [text for text in texts if "pg_settings" in text or "set_config" in text] == []


def test_the_extension_is_found_in_whatever_schema_it_is(shop: str) -> None:
    run(
        shop,
        'CREATE SCHEMA "odd ""one"" {x} %s"',
        'CREATE EXTENSION pg_stat_statements SCHEMA "odd ""one"" {x} %s"',
        "SELECT 'x'",
    )
    snapshot = read(shop)
    assert "SELECT $1" in [statement.text for statement in snapshot.statements]
    assert snapshot.sees("statements")


def test_a_role_without_rights_sees_its_own_and_that_there_are_others(shop: str) -> None:
    run(shop, "CREATE EXTENSION pg_stat_statements", "SELECT 'x', 'of the superuser'")
    run(f"{shop} user=poor", "SELECT 'x', 'of', 'the poor'")
    snapshot = read(f"{shop} user=poor")
    texts = [statement.text for statement in snapshot.statements]
    assert "SELECT $1, $2, $3" in texts
    assert "SELECT $1, $2" not in texts
    assert not any("insufficient privilege" in text for text in texts)
    assert why_hidden(snapshot) == "the reading role is no member of pg_read_all_stats"
    assert "SELECT $1, $2" in [statement.text for statement in read(f"{shop} user=watcher").statements]


def test_a_view_that_is_closed_to_the_role_is_hidden(shop: str) -> None:
    run(shop, "CREATE EXTENSION pg_stat_statements", "REVOKE ALL ON pg_stat_statements FROM PUBLIC")
    snapshot = read(f"{shop} user=poor")
    assert why_hidden(snapshot) == "permission denied for view pg_stat_statements"
    assert snapshot.statements == ()
    assert len(snapshot.roles) > 0  # what was read after the refusal


def test_an_extension_from_an_old_server_is_hidden_until_it_is_updated(shop: str) -> None:
    run(shop, "CREATE EXTENSION pg_stat_statements VERSION '1.7'")
    assert why_hidden(read(shop)) == (
        "pg_stat_statements is at 1.7; ALTER EXTENSION pg_stat_statements UPDATE"
    )
    run(shop, "ALTER EXTENSION pg_stat_statements UPDATE")
    assert read(shop).sees("statements")


def test_an_extension_whose_library_is_not_loaded_is_hidden() -> None:
    with EmbeddedServer.temporary(settings={"shared_preload_libraries": ""}) as server:
        run(server.dsn(), "CREATE EXTENSION pg_stat_statements")
        assert "must be loaded via" in why_hidden(read(server.dsn()))


def test_without_the_extension_nothing_is_hidden(database: str) -> None:
    snapshot = read(database)
    assert (snapshot.statements, snapshot.sees("statements")) == ((), True)
