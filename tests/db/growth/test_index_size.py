"""Predicted sizes against indexes really built: from a small table, at twenty times its rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.growth.grow import grow
from tenfold.growth.index_size import index_sizes
from tenfold.growth.scale import by_table
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import connect, execute_script
from tenfold.pg.embedded import EmbeddedServer

SMALL, TIMES = 5_000, 20
#: Whether the indexes were built at once; pages and B-tree levels by index, predicted and real.
Sizes = tuple[bool, dict[str, tuple[int, int]], dict[str, tuple[int, int]]]
OTHERS = ("by_details", "by_tags", "by_hash", "by_range")

TABLE = """
CREATE EXTENSION IF NOT EXISTS pageinspect;
CREATE TABLE events (
    id bigint, team_id bigint, key uuid, digest text, title text, score double precision, owner_id bigint,
    details jsonb, tags int[]
);
"""
INDEXES = """
CREATE UNIQUE INDEX by_id ON events (id);
CREATE INDEX by_team ON events (team_id);
CREATE INDEX by_key ON events (key);
CREATE INDEX by_digest ON events (digest);
CREATE INDEX by_title ON events (title);
CREATE INDEX by_score ON events (score);
CREATE INDEX by_team_and_id ON events (team_id, id);
CREATE INDEX by_team_part ON events (id) WHERE team_id < 50;
CREATE INDEX with_score ON events (team_id) INCLUDE (score);
CREATE INDEX by_details ON events USING gin (details);
CREATE INDEX by_tags ON events USING gin (tags);
CREATE INDEX by_hash ON events USING hash (key);
CREATE INDEX by_range ON events USING brin (id);
"""


def fill(rows: int) -> str:
    return f"""
    SELECT setseed(0.5);
    INSERT INTO events
    SELECT i, (random() * 99)::bigint, md5('k' || i)::uuid, md5(i::text), md5((i % 500)::text), random(),
           (random() * {rows / 10})::bigint,
           jsonb_build_object('kind', 'k' || i % 20, 'n', (random() * 1000)::int, 'mail', 'u' || i || '@x.y'),
           ARRAY[(random() * 50)::int, (random() * 500)::int]
      FROM generate_series(1, {rows}) AS i;
    """


def snapshot_of(database: str, rows: int, *, fresh: bool) -> tuple[Snapshot, dict[str, int]]:
    """With the levels of its B-trees as their metapages say."""
    parts = (fill(rows), INDEXES) if fresh else (INDEXES, fill(rows))
    with closing(connect(database, writable=True)) as connection:
        execute_script(connection, "DROP TABLE IF EXISTS events;" + TABLE + "".join(parts))
        connection.execute("VACUUM ANALYZE events")
        levels = connection.execute(
            "SELECT relname::text, (bt_metap(relname::text)).level::int FROM pg_class c"
            " JOIN pg_am a ON a.oid = c.relam WHERE amname = 'btree' AND relname ~ '^(by|with)_'"
        ).fetchall()
        return read_snapshot(connection), dict(levels)


@pytest.fixture(scope="module", params=[True, False], ids=["built", "inserted"])
def sizes(request: pytest.FixtureRequest, servers: Mapping[int, EmbeddedServer], testrun_uid: str) -> Sizes:
    server = servers[18]
    name = f"growth_{testrun_uid}_{request.param_index}_{os.getpid()}"
    database = server.create_database(name)
    small, _ = snapshot_of(database, SMALL, fresh=request.param)
    real, levels = snapshot_of(database, SMALL * TIMES, fresh=request.param)
    server.drop_database(name)
    grown = grow(small, Tenancy(), by_table(small, {("public", "events"): TIMES})).snapshot
    predicted = index_sizes(grown)
    return (
        request.param,
        {index.name: (index.pages, predicted[index.oid].height) for index in grown.indexes},
        {index.name: (index.pages, levels.get(index.name, 0)) for index in real.indexes},
    )


#: What growth cannot know of an index. Random teams whose rows come in the order of the second column fill
#: pages in a way of their own; and at 5,000 rows an index of few keys is as long inserted as built.
UNKNOWABLE = {(True, "by_team"), (False, "by_team_and_id")}


def test_b_trees_are_within_a_twentieth_and_the_unknowable_within_a_fifth(sizes: Sizes) -> None:
    fresh, predicted, real = sizes
    for name in real:
        if name not in OTHERS:
            allowed = 0.2 if (fresh, name) in UNKNOWABLE else 0.05
            assert predicted[name][0] == pytest.approx(real[name][0], rel=allowed), name


def test_equal_keys_are_kept_once(sizes: Sizes) -> None:
    _, predicted, _ = sizes
    assert predicted["by_team"][0] < predicted["by_id"][0] / 2


def test_gin_indexes_are_within_a_quarter(sizes: Sizes) -> None:
    _, predicted, real = sizes
    for name in ("by_details", "by_tags"):
        assert predicted[name][0] == pytest.approx(real[name][0], rel=0.25), name


def test_hash_indexes_are_within_a_twentieth_and_brin_exact(sizes: Sizes) -> None:
    _, predicted, real = sizes
    assert predicted["by_hash"][0] == pytest.approx(real["by_hash"][0], rel=0.05)
    assert predicted["by_range"][0] == real["by_range"][0]


def test_levels_of_b_trees_are_those_of_their_metapages(sizes: Sizes) -> None:
    _, predicted, real = sizes
    assert {name: level for name, (_, level) in predicted.items()} == {
        name: level for name, (_, level) in real.items()
    }
