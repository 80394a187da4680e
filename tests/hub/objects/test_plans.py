"""Over 100,000 things, as the application's role: a list by custom fields reads about what it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from tenfold.runtime import Database, Session
from tenfold.runtime.paging.keyset import Position, statement
from tenfold_hub.identity.people import PEOPLE
from tenfold_hub.kit.listing import listing
from tenfold_hub.objects.catalog import Catalog
from tests.hub.conftest import Organization
from tests.hub.objects.conftest import define

COUNT, SHOWN = 100_000, 51

# Half of all live in Oslo, a thousand different ones elsewhere; every tenth has no number of shoes.
_PEOPLE = """
INSERT INTO identity.people (organization_id, id, created_at, lifecycle_stage, custom)
SELECT %(of)s, gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second', 'lead',
       jsonb_build_object('city', CASE WHEN n %% 2 = 0 THEN 'Oslo' ELSE 'Town ' || n %% 1000 END)
       || CASE WHEN n %% 10 > 0 THEN jsonb_build_object('shoe', n %% 5000) ELSE '{}' END
  FROM generate_series(1, %(count)s) AS n
"""
_VALUES = """
INSERT INTO objects.{table}
       (organization_id, object_id, field_id, place, archived, "unique", created_at, value)
SELECT organization_id, id, %(field)s, 0, false, false, created_at, {value} FROM identity.people
 WHERE organization_id = %(of)s
"""
_TABLES = ("identity.people", "objects.text_values", "objects.number_values")


@pytest.fixture
async def crowded(client: httpx.AsyncClient, owner: str, acme: Organization) -> None:
    for key, type_ in (("city", "text"), ("shoe", "number")):
        await define(client, "people", key, type_, filterable=True)
    await asyncio.to_thread(_fill, owner, acme)


def _fill(owner: str, acme: Organization) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        known = dict(connection.execute("SELECT key, id FROM objects.fields").fetchall())
        of = {"of": acme.id, "count": COUNT}
        connection.execute(_PEOPLE, of)
        for table, key, value in (
            ("text_values", "city", "lower(custom ->> 'city')"),
            ("number_values", "shoe", "(custom ->> 'shoe')::bigint"),
        ):
            connection.execute(_VALUES.format(table=table, value=value), of | {"field": known[key]})
        for name in _TABLES:
            connection.execute(f"VACUUM ANALYZE {name}")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_read(plan: dict[str, Any]) -> float:
    """What its scans read, kept or not."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Scan" in node["Node Type"]
    )


async def plan_of(session: Session, query: str, at: tuple[object, ...] | None = None) -> dict[str, Any]:
    parameters = [tuple(each.split("=", 1)) for each in query.split("&")]
    asked = listing(PEOPLE, parameters)  # type: ignore[arg-type] # pairs
    asked = replace(asked, custom=await Catalog().of(session, "people"))
    found = asked.query(session.tenant)  # type: ignore[arg-type] # a UUID
    page = statement(found, asked.order, SHOWN, None if at is None else Position(at))
    text = await session.fetch_value(f"EXPLAIN (ANALYZE, FORMAT JSON) {page.text}", *page.parameters)
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


#: What each reads at most: for a page of 51, the range of values and each thing by its key.
TWICE = 2 * SHOWN + 10
ASKED = [
    ("filter[custom.city]=oslo", TWICE),
    ("filter[custom.city]=town 501", TWICE),
    ("filter[custom.city]=nowhere", 0),
    ("filter[custom.shoe]=17", TWICE),
    ("sort=custom.city", TWICE),
    ("sort=-custom.city", TWICE),
    ("sort=custom.shoe&filter[custom.shoe][gte]=2500&filter[custom.shoe][lt]=3000", TWICE),
    ("sort=-custom.shoe&filter[custom.shoe][null]=true", TWICE),
    ("sort=custom.shoe&filter[custom.city]=oslo", 10 * SHOWN),
    # 200 match: all of them are read and put in order, whose price does not grow with the organization.
    ("filter[custom.shoe][gte]=10&filter[custom.shoe][lte]=19", 1_000),
    ("filter[custom.city][in]=town 1,town 3", 1_500),
    ("filter[custom.city]=oslo&filter[lifecycle_stage]=lead", TWICE),
]


async def test_the_filter_is_an_index_condition_and_the_order_is_the_indexs(
    crowded: None, db: Database, acme: Organization
) -> None:
    async with db.tenant(acme.id) as session:
        assert await session.fetch_value("SELECT current_user") == "hub_app"
        for query, most in ASKED:
            plan = await plan_of(session, query)
            assert rows_read(plan) <= most, (query, json.dumps(plan, indent=1))
            assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], query
            used = [node for node in nodes(plan) if node.get("Index Name", "").endswith("_values_value")]
            assert used, query
            assert any("field_id" in node.get("Index Cond", "") for node in used), query


async def test_a_page_in_the_depth_reads_no_more_than_the_first(
    crowded: None, db: Database, acme: Organization
) -> None:
    async with db.tenant(acme.id) as session:
        row = await session.fetch_row(
            "SELECT created_at, id FROM identity.people WHERE organization_id = $1 ORDER BY created_at"
            " OFFSET 50000 LIMIT 1",
            acme.id,
        )
        assert row is not None
        place = (row["created_at"], row["id"])
        for query, at in (
            ("filter[custom.city]=oslo", place),
            ("sort=custom.shoe", (2_500, *place)),
            ("sort=-custom.shoe", (2_500, *place)),
            ("sort=custom.shoe", (None, *place)),
        ):
            plan = await plan_of(session, query, at)
            assert rows_read(plan) <= 2 * TWICE, (query, json.dumps(plan, indent=1))
