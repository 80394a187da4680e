"""The comparison of a twin with a server that has the rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tenfold.bench.likeness import lengths, likeness
from tenfold.bench.twin import Both, Case, grown, lengths_of
from tenfold.catalog.reader import read_snapshot
from tenfold.model.activity import Statement
from tenfold.model.calibration import Calibration, PageTime
from tenfold.model.config import TenancyConfig
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.copy import analyze
from tenfold.pg.embedded import EmbeddedServer
from tenfold.tenancy.detect import find_tenancy
from tenfold.twin.twin import Twin

_SCHEMA = """
CREATE TABLE tenants (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE notes (
  id bigint PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants, status text NOT NULL,
  body text NOT NULL);
CREATE INDEX notes_tenant ON notes (tenant_id, status);
"""
_ROWS = """
INSERT INTO tenants SELECT n, 'tenant ' || n FROM generate_series(1, 4) n;
INSERT INTO notes
  SELECT n, CASE WHEN n % 2 = 0 THEN 1 ELSE 2 + n % 3 END, 'state ' || n % 5, repeat('x', 60)
  FROM generate_series(1, {rows}) n;
VACUUM ANALYZE tenants;
VACUUM ANALYZE notes
"""
STATEMENTS = (
    Statement(text="SELECT id FROM notes WHERE tenant_id = $1 AND status = $2", name="by_status"),
    Statement(text="SELECT count(*) FROM notes", name="all"),
    Statement(
        text="UPDATE notes SET body = 'seen' WHERE tenant_id = $1 AND id = $2",
        name="write",
    ),
)
#: A millisecond a page and nothing else.
PAGES_ONLY = Calibration(
    sequential_page=PageTime(1.0),
    random_page=PageTime(1.0),
    tuple_ms=0.0,
    index_tuple_ms=0.0,
    operator_ms=0.0,
    statement_ms=0.0,
    hit_ratio=1.0,
    cache_bytes=1 << 27,
    measured_at="2026-01-01T00:00:00+00:00",
    server_version="18",
    measurements=1,
    median_ratio=1.0,
    worst_ratio=1.0,
)


class Compared(NamedTuple):
    both: Both
    connection: Connection
    large: Snapshot


@pytest.fixture(scope="module")
def compared() -> Iterator[Compared]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer.temporary(settings={"autovacuum": False}))

        def filled(rows: int) -> Connection:
            dsn = server.create_database(f"rows_{rows}")
            connection = stack.enter_context(contextlib.closing(connect(dsn, writable=True)))
            for part in (_SCHEMA + _ROWS.format(rows=rows)).split(";"):
                execute_script(connection, part)
            return connection

        small, large = filled(500), filled(10_000)
        before, after = read_snapshot(small), read_snapshot(large)
        tenancy = find_tenancy(before, TenancyConfig(columns=("tenant_id",)))
        assert tenancy.column == "tenant_id"
        twin = stack.enter_context(Twin(before))
        scale = twin.scale(grown(before, after, tenancy))
        yield Compared(Both(scale, large, after, tenancy, STATEMENTS), large, after)


def test_the_twin_has_the_rows_of_the_large_database(compared: Compared) -> None:
    predicted = compared.both.predicted.relation_by_name["public", "notes"]
    assert predicted.rows == compared.large.relation_by_name["public", "notes"].rows == 10_000


@pytest.mark.parametrize("tenant", ["1", None])
def test_plans_of_a_regular_table_are_predicted(compared: Compared, tenant: str | None) -> None:
    result = likeness("case", compared.both.ask(Case(name="case", tenant=tenant)))
    assert (result.asked, result.same) == (3, 3)
    assert result.cost.worst < 0.1


def test_both_are_asked_without_an_index_that_a_case_hides_and_with_it_afterwards(compared: Compared) -> None:
    hidden = Case(name="hidden", tenant="1", hidden=(("public", "notes_tenant"),))
    by_status = compared.both.ask(hidden)[0]
    assert "notes_tenant" not in by_status.predicted.shape + by_status.real.shape
    by_status = compared.both.ask(Case(name="shown", tenant="1"))[0]
    assert "notes_tenant" in by_status.predicted.shape
    assert "notes_tenant" in by_status.real.shape


def test_an_index_is_shown_again_after_a_question_that_failed(compared: Compared) -> None:
    failing = Case(name="no such role", role="nobody_here", hidden=(("public", "notes_tenant"),))
    with pytest.raises(Exception, match="nobody_here"):
        compared.both.ask(failing)
    assert "notes_tenant" in compared.both.ask(Case(name="shown", tenant="1"))[0].real.shape


def test_the_server_analyzed_again_is_like_itself(compared: Compared) -> None:
    case = Case(name="case", tenant="1")
    pairs = compared.both.ask(case)
    analyze(compared.connection)
    again = compared.both.again(case, pairs)
    assert [pair.predicted.cost for pair in again] == [pair.real.cost for pair in pairs]


def test_own_values_come_from_the_twins_statistics(compared: Compared) -> None:
    result = likeness("own", compared.both.ask(Case(name="own", tenant="1", own=True)))
    assert result.same == 3


def test_times_are_of_the_plans_work_and_writes_are_taken_back(compared: Compared) -> None:
    timed = {entry.query: entry for entry in compared.both.time(Case(name="c", tenant="1"), PAGES_ONLY)}
    pages = compared.large.relation_by_name["public", "notes"].pages
    # The count reads the table or an index of it as a whole.
    assert 0 < timed["all"].predicted <= pages * 1.05
    assert timed["all"].measured > 0
    row = compared.connection.execute("SELECT count(*) FROM notes WHERE body = 'seen'").fetchone()
    assert "write" in timed
    assert row == (0,)


def test_lengths_are_compared_by_name(compared: Compared) -> None:
    found = {entry.name: entry for entry in lengths_of(compared.both.predicted, compared.large)}
    assert found.keys() == {"tenants", "notes", "tenants_pkey", "notes_pkey", "notes_tenant"}
    heap = next(entry for entry in lengths(found.values()) if entry.method == "heap")
    assert heap.total == pytest.approx(1.0, abs=0.05)
