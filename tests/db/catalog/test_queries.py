"""The catalog queries run on every supported server, and give just what the structs take."""

from __future__ import annotations

import contextlib

import pytest

from tenfold.catalog.reader import LISTS
from tenfold.model.activity import Database, Server, Statement
from tenfold.pg.connect import capabilities, connect, read_transaction
from tenfold.pg.embedded import EmbeddedServer
from tenfold.pg.sqlfile import load_queries

QUERIES = load_queries("tenfold.catalog")
STRUCTS = {**LISTS, "server": Server, "database": Database, "statements": Statement}
# Fields that the reader or a workload file fills, behind those of the query.
FILLED_LATER = {"server": {"system_identifier"}, "statements": {"name"}}


def test_every_list_has_a_query_and_every_query_a_use() -> None:
    used = {
        *STRUCTS,
        "system_identifier",
        "locked",
        "hidden_statistics",
        "hidden_sequences",
        "hidden_index_builds",
    }
    assert set(QUERIES) == used


def test_every_query_says_what_it_reads() -> None:
    assert [query.name for query in QUERIES.values() if not query.description.endswith(".")] == []


@pytest.mark.servers(15, 16, 18)
def test_every_query_gives_the_fields_of_its_struct(server: EmbeddedServer, database: str) -> None:
    with contextlib.closing(connect(database, writable=True)) as connection:
        row = connection.execute("SHOW shared_preload_libraries").fetchone()
        has_contrib = row is not None and "pg_stat_statements" in row[0]
        if has_contrib:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        able = capabilities(connection)
        with read_transaction(connection):
            for name, struct in STRUCTS.items():
                if name == "statements" and not has_contrib:
                    continue
                text = (
                    QUERIES[name].text_for(able).replace("{pg_stat_statements}", "public.pg_stat_statements")
                )
                parameters = {"locked": []} if "%(" in text else None
                cursor = connection.execute(text.encode(), parameters)
                fields = [f for f in struct.__struct_fields__ if f not in FILLED_LATER.get(name, set())]
                assert cursor.description is not None
                assert len(cursor.description) == len(fields), name
