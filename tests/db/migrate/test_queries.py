"""The queries of apply: each is asked, each says what it reads, each runs on every supported server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tenfold.migrate
from tenfold.migrate.site import LOCK, connector
from tenfold.pg.sqlfile import load_queries
from tests.db.migrate.changes import load

QUERIES = load_queries("tenfold.migrate")

#: Parameters, and how many columns come.
SHAPES: dict[str, tuple[dict[str, Any], int]] = {
    "identity": ({}, 2),
    "in_recovery": ({}, 1),
    "take_lock": ({**LOCK}, 1),
    "lock_holder": ({**LOCK}, 4),
    "blockers": ({"pid": 1}, 7),
    "build_progress": ({"pid": 1}, 7),
    "index_state": ({"schema": "public", "name": "messages_pkey"}, 6),
    "reindex_leftovers": ({"schema": "public", "name": "messages_pkey"}, 4),
    "builders": ({"table": 1, "indexes": [1, 2]}, 1),
    "key_types": ({"table": "public.messages", "columns": ["number", "id"]}, 1),
}


def test_every_query_is_asked_and_every_question_has_its_query() -> None:
    sources = "".join(path.read_text() for path in Path(tenfold.migrate.__path__[0]).glob("*.py"))
    assert set(re.findall(r'\.named\(\s*"(\w+)"', sources)) == set(QUERIES) == set(SHAPES)


def test_every_query_says_what_it_reads() -> None:
    assert [query.name for query in QUERIES.values() if not query.description.endswith(".")] == []


@pytest.mark.servers(15, 16, 18)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_query_runs(database: str, name: str) -> None:
    load(database)
    session = connector(database)()
    try:
        parameters, columns = SHAPES[name]
        assert {len(row) for row in session.named(name, **parameters)} <= {columns}
    finally:
        session.close()


def test_key_types_come_in_the_order_of_the_names(database: str) -> None:
    load(database)
    session = connector(database)()
    try:
        rows = session.named("key_types", table="public.messages", columns=["body", "id", "thread_id"])
        assert rows == [("text",), ("bigint",), ("integer",)]
    finally:
        session.close()
