"""What `model.ddl` composes means to each server what it means to us."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tenfold.model.ddl import fit, identifier, literal, qualified
from tenfold.pg.connect import Connection, connect

pytestmark = pytest.mark.servers(15, 16, 18)

HOSTILE = [
    "plain",
    "Größe 🙂",
    'a "quoted" one',
    "it's",
    "back\\slash",
    "ends\\",
    "\\'; DROP TABLE x --",
    "two\nlines\tand a tab",
    "$1 $$ $tag$ %s %%",
    "/* no comment */ -- nor this",
    "select",
    "X",
    "9lives",
    "x" * 63,
    "🙂" * 15,
]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        yield connection


def test_every_word_that_the_server_treats_as_more_than_a_name_is_quoted(connection: Connection) -> None:
    words = connection.execute("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'").fetchall()
    assert len(words) > 100
    assert [word for (word,) in words if identifier(word) == word] == []


def test_what_the_server_would_quote_is_quoted(connection: Connection) -> None:
    words = [word for (word,) in connection.execute("SELECT word FROM pg_get_keywords()").fetchall()]
    for name in [*HOSTILE, *words]:
        row = connection.execute("SELECT quote_ident(%s)", [name]).fetchone()
        assert row is not None
        assert identifier(name) in (row[0], f'"{name}"'), name


def test_every_keyword_can_name_anything(connection: Connection) -> None:
    words = [word for (word,) in connection.execute("SELECT word FROM pg_get_keywords()").fetchall()]
    columns = ", ".join(f"{identifier(word)} int" for word in words)
    connection.execute(f"CREATE TABLE every_word ({columns})".encode())
    for word in words:
        connection.execute(f"SELECT 1 AS {identifier(word)}, t.{identifier(word)} FROM every_word t".encode())
        connection.execute(f"CREATE TABLE {qualified('public', word)} ()".encode())


@pytest.mark.parametrize("name", HOSTILE)
def test_an_identifier_names_just_that_object(connection: Connection, name: str) -> None:
    connection.execute(
        f"CREATE SCHEMA {identifier(name)} CREATE TABLE {identifier(name)} ({identifier(name)} int)".encode()
    )
    cursor = connection.execute(f"SELECT {identifier(name)} FROM {qualified(name, name)}".encode())
    assert cursor.description is not None
    assert cursor.description[0].name == name


@pytest.mark.parametrize("conforming", ["on", "off"])
@pytest.mark.parametrize("value", [*HOSTILE, "", "\\", "''", "\\n", "\x01\x7f"])
def test_a_literal_is_that_value_however_strings_are_read(
    connection: Connection, value: str, conforming: str
) -> None:
    connection.execute(f"SET standard_conforming_strings = {conforming}".encode())
    connection.execute("SET escape_string_warning = on")
    notices: list[object] = []
    connection.add_notice_handler(notices.append)
    row = connection.execute(f"SELECT {literal(value)}, 'after'".encode()).fetchone()
    assert row == (value, "after")
    assert notices == []


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 64, "x" * 62 + "ä", "x" * 61 + "🙂", "ä" * 32, "🙂" * 16])
def test_a_name_that_fits_is_not_cut_again(connection: Connection, name: str) -> None:
    row = connection.execute("SELECT %s::name::text, %s::name::text", [name, fit(name)]).fetchone()
    assert row == (fit(name), fit(name))
