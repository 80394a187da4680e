"""The twin of a database says what the database itself says: the same plans, rows and costs."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.errors import NotPlannableError
from tenfold.pg.connect import connect
from tenfold.pg.embedded import EmbeddedServer
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin
from tests.db.twin.conftest import Source, explain, rich_source
from tests.db.twin.queries import BY_GIN, NOT_PLANNABLE, Asked, statements

#: Of ranges, servers before 17 show no role the histograms.
WITHOUT_RANGES = {asked.sql for asked in statements(13) if "during &&" in asked.sql}


@pytest.mark.parametrize(
    "asked", statements(18), ids=lambda asked: f"{asked.role or 'superuser'}-{asked.sql}"
)
def test_every_plan_is_the_sources_own(rich: Source, twin_of_rich: Scale, asked: Asked) -> None:
    source, ours = rich.explain(asked), explain(twin_of_rich, asked)
    if asked.sql in BY_GIN:
        assert ours.shape == source.shape
        assert ours.cost == pytest.approx(source.cost, rel=0.01)
    elif asked.sql.startswith("INSERT"):
        # A row to insert is wider by the columns that the source has dropped.
        assert (ours.shape, ours.cost) == (source.shape, source.cost)
    else:
        assert ours.root == source.root


def test_the_battery_shows_pruning_parallel_plans_and_every_index_method(rich: Source) -> None:
    """Else the tests above would show less than they say."""
    plans = [rich.explain(asked) for asked in statements(18)]
    indexes = {node.index for plan in plans for node in plan.root.walk()}
    assert indexes >= {
        *("leads_tags", "leads_document", "leads_trgm", "leads_brin", "leads_hash", "leads_reach"),
        *("leads_path", "leads_spgist", "leads_email", "leads_domain", "leads_open", "leads_code"),
        *("Order Größe", "by_city_key", "rooms_team_id_during_excl"),
    }
    types = {node.type for plan in plans for node in plan.root.walk()}
    assert types >= {"Gather", "Append", "Merge Append", "Index Only Scan", "BitmapAnd", "Incremental Sort"}
    pruned = next(
        plan for asked, plan in zip(statements(18), plans, strict=True) if "2025-04-01" in asked.sql
    )
    assert {node.relation for node in pruned.root.walk() if node.relation} == {"events_2025_1"}


def test_nothing_is_missing_but_what_is_said(twin_of_rich: Scale) -> None:
    assert [entry.what for entry in twin_of_rich._twin.not_carried] == [
        "foreign table public.elsewhere",
        "aggregate app.together(text)",
    ]
    assert twin_of_rich.refused_statistics == []


@pytest.mark.parametrize("asked", NOT_PLANNABLE, ids=lambda asked: asked.sql)
def test_what_needs_something_missing_is_not_planned(twin_of_rich: Scale, asked: Asked) -> None:
    with pytest.raises(NotPlannableError, match="does not exist"):
        explain(twin_of_rich, asked)


@pytest.mark.servers(15)
def test_an_older_servers_twin_has_the_same_plans(server: EmbeddedServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        found = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'btree_gist'").fetchone()
    if found is None:
        pytest.skip(f"PostgreSQL {server.major} is here without its contrib modules")
    with rich_source(server.binaries.folder) as source, Twin(source.snapshot) as twin:
        scale = twin.scale()
        different, total = set(), 0
        for asked in statements(server.major):
            if "$" in asked.sql and asked.parameters is None and server.major < 16:
                continue  # EXPLAIN knows no generic plans
            total += 1
            if explain(scale, asked).shape != source.explain(asked).shape:
                different.add(asked.sql)
        # ANALYZE draws a sample, and between plans that cost nearly the same 18 does not always choose alike.
        assert len(different - (WITHOUT_RANGES if server.major < 17 else set())) <= total * 0.05


def test_a_role_called_postgres_need_not_be_a_superuser() -> None:
    with EmbeddedServer.temporary() as server:
        dsn = server.create_database("owned")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE ROLE boss SUPERUSER LOGIN")
        with psycopg.connect(server.dsn("owned", user="boss"), autocommit=True) as connection:
            connection.execute("ALTER ROLE postgres RENAME TO founder")
            connection.execute("CREATE ROLE postgres LOGIN")
            connection.execute("CREATE TABLE kept (id int, team_id int)")
            connection.execute("ALTER TABLE kept OWNER TO postgres")
            connection.execute("ALTER TABLE kept ENABLE ROW LEVEL SECURITY")
            connection.execute("ALTER TABLE kept FORCE ROW LEVEL SECURITY")
            connection.execute("CREATE POLICY own ON kept USING (team_id = 3)")
        with contextlib.closing(connect(server.dsn("owned", user="boss"))) as reader:
            snapshot = read_snapshot(reader)
    with Twin(snapshot) as twin:
        scale = twin.scale()
        assert scale.explain("SELECT FROM kept", role="postgres").root.filter == "(team_id = 3)"
        assert scale.explain("SELECT FROM kept", role="founder").root.filter is None
