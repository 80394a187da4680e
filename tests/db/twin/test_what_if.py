"""Indexes hidden, shown, made and dropped, and sizes that no disk holds."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest

from tenfold.catalog.source import load_source
from tenfold.errors import UsageError
from tenfold.growth import by_table, grow
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin
from tests.conftest import EMBEDDED, Servers

# Autovacuum, and CREATE INDEX where it is on, would change pages and statistics after the snapshot was taken.
SCHEMA = """
CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE notes (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams, kind text, body text);
CREATE INDEX notes_team ON notes (team_id);
CREATE TABLE logs (team_id bigint NOT NULL, at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
INSERT INTO teams SELECT n, 'team ' || n FROM generate_series(1, 50) n;
INSERT INTO notes SELECT n, 1 + n % 50, 'kind ' || n % 7, repeat('x', 60) FROM generate_series(1, 20000) n;
INSERT INTO logs SELECT 1 + n % 50, timestamptz '2025-01-01' + n * interval '5 minutes', 'w' || n % 11
  FROM generate_series(1, 16000) n;
ALTER TABLE teams SET (autovacuum_enabled = off);
ALTER TABLE notes SET (autovacuum_enabled = off);
VACUUM ANALYZE;
"""
BY_TEAM = "SELECT * FROM notes WHERE team_id = 7"
BY_KIND = "SELECT * FROM notes WHERE team_id = 7 AND kind = 'kind 3'"


@pytest.fixture(scope="module")
def source(servers: Servers) -> Iterator[tuple[str, Snapshot]]:
    name = "what_if_" + secrets.token_hex(4)
    dsn = servers[EMBEDDED].create_database(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in filter(None, map(str.strip, SCHEMA.split(";\n"))):
            connection.execute(statement.encode())
    yield dsn, load_source(dsn)
    servers[EMBEDDED].drop_database(name)


@pytest.fixture(scope="module")
def twin(source: tuple[str, Snapshot]) -> Iterator[Twin]:
    with Twin(source[1]) as twin:
        yield twin


@pytest.fixture(scope="module")
def module_scale(twin: Twin) -> Scale:
    return twin.scale()


@pytest.fixture
def scale(module_scale: Scale) -> Iterator[Scale]:
    yield module_scale
    module_scale.what_if.forget()


def test_a_hidden_index_is_not_used_and_a_shown_one_is_again(scale: Scale) -> None:
    before = scale.explain(BY_TEAM)
    with scale.what_if.hidden("public", "notes_team"):
        assert scale.explain(BY_TEAM).shape == "Seq Scan on notes"
    assert scale.explain(BY_TEAM) == before


def test_a_made_index_costs_what_it_costs_when_it_is_really_built(
    source: tuple[str, Snapshot], scale: Scale
) -> None:
    definition = "CREATE INDEX notes_team_kind ON notes (team_id, kind)"
    before = scale.explain(BY_KIND)
    made = scale.what_if.create(definition)
    predicted = scale.explain(BY_KIND)
    with psycopg.connect(source[0]) as connection:
        connection.execute(definition.encode())
        pages = connection.execute("SELECT pg_relation_size('notes_team_kind') / 8192").fetchone()
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {BY_KIND}".encode()).fetchone()
        connection.rollback()
    assert row is not None
    assert pages is not None
    assert made.pages == pytest.approx(pages[0], abs=2)
    assert predicted.cost == pytest.approx(row[0][0]["Plan"]["Total Cost"], rel=0.02)
    assert predicted.cost < before.cost
    assert "notes_team_kind" in predicted.shape


def test_a_dropped_index_leaves_the_plan_that_was_there(scale: Scale) -> None:
    before = scale.explain(BY_KIND)
    with scale.what_if.created("CREATE INDEX ON notes (team_id, kind)") as index:
        assert index.name in scale.explain(BY_KIND).shape
    assert scale.explain(BY_KIND) == before


def test_an_index_on_a_partitioned_table_is_made_on_every_partition(scale: Scale) -> None:
    query = "SELECT * FROM logs WHERE team_id = 7"
    with scale.what_if.created("CREATE INDEX ON logs (team_id)") as index:
        assert scale.explain(query).shape.count("Index Scan") == 2
        assert index.pages > 2
    assert "Index" not in scale.explain(query).shape


def test_a_partial_and_an_expression_index_can_be_made(scale: Scale) -> None:
    with scale.what_if.created("CREATE INDEX CONCURRENTLY of_kind ON notes (team_id) WHERE kind = 'kind 3'"):
        assert "of_kind" in scale.explain(BY_KIND).shape
    with scale.what_if.created("CREATE INDEX lowered ON notes (lower(kind))"):
        assert "lowered" in scale.explain("SELECT * FROM notes WHERE lower(kind) = 'x'").shape


def test_another_size_forgets_what_was_made_and_hidden(twin: Twin, module_scale: Scale) -> None:
    before = module_scale.explain(BY_KIND)
    module_scale.what_if.create("CREATE INDEX gone ON notes (team_id, kind)")
    module_scale.what_if.hide("public", "notes_team")
    module_scale.load(twin.snapshot)
    assert module_scale.explain(BY_KIND) == before


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("CREATE INDEX ON absent (id)", "no table absent"),
        ("CREATE INDEX ON notes (absent)", 'column "absent" does not exist'),
        ("DROP TABLE notes", "no CREATE INDEX"),
        ("CREATE INDEX ON", "can be read"),
    ],
)
def test_what_is_no_index_is_refused_and_leaves_nothing(scale: Scale, definition: str, said: str) -> None:
    before = scale.explain(BY_TEAM)
    with pytest.raises(UsageError, match=said):
        scale.what_if.create(definition)
    assert scale.explain(BY_TEAM) == before


def test_an_unknown_index_cannot_be_hidden_nor_one_of_the_source_dropped(scale: Scale) -> None:
    with pytest.raises(UsageError, match=r"no index public\.absent"):
        scale.what_if.hide("public", "absent")
    with pytest.raises(UsageError, match="hide it instead"):
        scale.what_if.drop("public", "notes_team")


def test_sizes_stand_side_by_side(source: tuple[str, Snapshot], twin: Twin, scale: Scale) -> None:
    snapshot = source[1]
    grown = grow(snapshot, Tenancy(), by_table(snapshot, {("public", "notes"): 50.0})).snapshot
    beside = twin.scale(grown)
    small, large = scale.explain(BY_TEAM), beside.explain(BY_TEAM)
    assert large.root.rows == pytest.approx(50 * small.root.rows, rel=0.05)
    assert scale.explain(BY_TEAM) == small


def test_a_billion_rows_take_no_disk(source: tuple[str, Snapshot], twin: Twin, module_scale: Scale) -> None:
    snapshot = source[1]
    billion = by_table(snapshot, {("public", "notes"): 50_000.0})
    module_scale.load(grow(snapshot, Tenancy(), billion).snapshot)
    plan = module_scale.explain("SELECT count(*) FROM notes WHERE body = 'none'")
    heap = next(node for node in plan.root.walk() if node.relation == "notes")
    assert heap.total_cost > 1e7
    files = list((twin.forks.folder).iterdir())
    assert sum(_apparent(file) for file in _links(twin)) > 100 * 2**30
    assert sum(file.stat().st_blocks * 512 for file in files) < 2 * 2**20
    module_scale.load(snapshot)


def test_asking_at_the_end_of_the_histogram_reads_no_broken_page(scale: Scale) -> None:
    assert scale.explain("SELECT * FROM notes WHERE id > 19990").root.rows < 400


def _links(twin: Twin) -> list[Path]:
    return [path for path in twin.forks.data_folder.glob("base/*/*") if path.is_symlink()]


def _apparent(link: Path) -> int:
    return link.stat().st_size


def test_today_is_planned_as_the_source_plans_it(source: tuple[str, Snapshot], scale: Scale) -> None:
    queries = [
        BY_TEAM,
        BY_KIND,
        "SELECT t.name, count(*) FROM teams t JOIN notes n ON n.team_id = t.id GROUP BY 1",
    ]
    with psycopg.connect(source[0]) as connection:
        for query in queries:
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode()).fetchone()
            assert row is not None
            assert scale.explain(query).cost == row[0][0]["Plan"]["Total Cost"]


def test_a_redacted_or_saved_snapshot_makes_the_same_twin(source: tuple[str, Snapshot], scale: Scale) -> None:
    saved = msgspec.json.decode(msgspec.json.encode(source[1]), type=Snapshot)
    with Twin(saved) as again:
        assert again.scale().explain(BY_TEAM) == scale.explain(BY_TEAM)
