"""What the other tests rely on: databases of their own, and templates that are filled once."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from conftest import TemplateDatabase

    from tenfold.pg.embedded import EmbeddedServer


@pytest.mark.servers(15, 16, 18)
def test_the_server_is_of_the_version_that_was_asked_for(
    request: pytest.FixtureRequest, server: EmbeddedServer, database: str
) -> None:
    with psycopg.connect(database) as connection:
        assert (
            connection.info.server_version // 10_000 == request.node.callspec.params["server"] == server.major
        )


def test_without_a_marker_it_is_the_embedded_server(server: EmbeddedServer) -> None:
    assert server.major == 18


@pytest.mark.servers(15, 18)
def test_a_template_is_loaded_once_and_its_copies_are_independent(
    template_database: TemplateDatabase,
) -> None:
    name, loads = secrets.token_hex(6), []

    def load(dsn: str) -> None:
        loads.append(dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE loaded AS SELECT 42 AS answer")

    first, second = template_database(name, load), template_database(name, load)
    assert len(loads) == 1
    with psycopg.connect(first) as connection:
        connection.execute("DELETE FROM loaded")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT answer FROM loaded").fetchall() == [(42,)]


def test_a_template_that_fails_to_load_is_loaded_anew(template_database: TemplateDatabase) -> None:
    name = secrets.token_hex(6)

    def fail(dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE half ()")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        template_database(name, fail)
    with psycopg.connect(template_database(name, lambda _: None)) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
