"""Loaded organizations are whole, consistent as if the API had made them, and found by it."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.errors import ApplyInterruptedError, PrivilegeError
from tenfold_hub.cli.access import create_key
from tenfold_hub.commerce import statistics
from tenfold_hub.migrate import MigrationError
from tenfold_hub.roles import ROLES
from tenfold_hub.seeding.loading import Plan, load
from tests.hub.conftest import client_of

PLAN = Plan(organizations=3, persons=400, until=1_760_000_000_000)

_FOREIGN = """
SELECT conrelid::regclass::text, confrelid::regclass::text,
       (SELECT array_agg(attname ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = number),
       (SELECT array_agg(attname ORDER BY place) FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = number)
  FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
"""


def one(dsn: str, statement: Any, *values: Any) -> Any:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement, values).fetchone()


def nobody(_: int) -> None: ...


@pytest.fixture
def seeded(owner: str) -> str:
    load(owner, PLAN, nobody, workers=2)
    return owner


def test_there_are_as_many_as_were_asked_for(owner: str) -> None:
    told: list[int] = []
    loaded = load(owner, PLAN, told.append, workers=2)
    assert (loaded.made, loaded.there) == (3, 0)
    assert sum(told) == 400
    assert one(owner, "SELECT count(*), count(DISTINCT organization_id) FROM identity.people") == (400, 3)


def test_a_second_time_finds_them_there(seeded: str) -> None:
    told: list[int] = []
    loaded = load(seeded, PLAN, told.append, workers=1)
    assert (loaded.made, loaded.there, loaded.rows, sum(told)) == (0, 3, 0, 400)
    assert one(seeded, "SELECT count(*) FROM identity.people") == (400,)


def test_every_foreign_key_holds(seeded: str) -> None:
    with psycopg.connect(seeded) as connection:
        keys = connection.execute(_FOREIGN).fetchall()
        assert len(keys) > 20
        for table, other, columns, others in keys:
            on = sql.SQL(" AND ").join(
                sql.SQL("p.{} = c.{}").format(sql.Identifier(there), sql.Identifier(here))
                for here, there in zip(columns, others, strict=True)
            )
            full = sql.SQL(" AND ").join(
                sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(here)) for here in columns
            )
            statement = sql.SQL(
                "SELECT count(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT FROM {} p WHERE {})"
            ).format(sql.SQL(table), full, sql.SQL(other), on)
            assert connection.execute(statement).fetchone() == (0,), (table, other)


def test_what_customers_sum_up_to_is_what_their_orders_say(seeded: str) -> None:
    with psycopg.connect(seeded) as connection:
        rows = connection.execute(
            "SELECT s.orders, s.spent_minor, count(o.id), sum(o.total_minor),"
            "       min(o.placed_at) = s.first_order_at, max(o.placed_at) = s.last_order_at"
            "  FROM commerce.customer_statistics s JOIN commerce.orders o"
            "    ON o.organization_id = s.organization_id AND o.customer_id = s.customer_id"
            " WHERE o.status = ANY(%s) GROUP BY s.organization_id, s.customer_id, s.currency",
            [list(statistics.COUNTED)],
        ).fetchall()
    assert len(rows) > 20
    assert all((row[0], row[1], row[4], row[5]) == (row[2], row[3], True, True) for row in rows)


def test_the_server_has_looked_at_the_tables(seeded: str) -> None:
    assert one(seeded, "SELECT reltuples::int FROM pg_class WHERE oid = 'identity.people'::regclass") == (
        400,
    )


async def test_the_api_shows_and_finds_them(seeded: str, app: httpx.ASGITransport) -> None:
    slug = PLAN.made()[0].slug
    async with client_of(app, create_key(seeded, slug, "test", ["*"])) as client:
        contact = (await client.get("/contacts?limit=1&expand=person,company")).json()["items"][0]
        person = contact["person"]
        assert contact["source"]
        found = (await client.get(f"/people?filter[email][eq]={person['email']}")).json()["items"]
        assert [each["id"] for each in found] == [person["id"]]
        name = f"{person['given_name']} {person['family_name']}"
        hits = (await client.get("/search", params={"q": name})).json()["items"]
        assert contact["id"] in [hit["id"] for hit in hits]
        patched = await client.patch(f"/people/{person['id']}", json={"given_name": "Zoë"})
        assert patched.status_code == 200, patched.text
        for path in ("companies", "contact-points", "products", "orders", "customers"):
            assert (await client.get(f"/{path}")).json()["items"], path


def test_organizations_differ(seeded: str) -> None:
    shared = "SELECT count(*) - count(DISTINCT id) FROM identity.people"
    assert one(seeded, shared) == (0,)


def test_a_role_that_policies_bind_is_told_why_it_cannot(owner: str) -> None:
    for role in (ROLES.owner, ROLES.application):
        with pytest.raises(PrivilegeError, match=r"row-level security binds this role.*BYPASSRLS"):
            load(make_conninfo(owner, user=role), PLAN, nobody)


def test_a_database_without_a_hub(database: str) -> None:
    with pytest.raises(MigrationError, match="holds no hub"):
        load(database, PLAN, nobody)


def test_interrupted_organizations_are_whole_and_the_rest_is_made_later(owner: str) -> None:
    plan = Plan(organizations=4, persons=26_000, skew=2.0, until=PLAN.until, searched=False)
    told: list[int] = []

    def stop_in_the_midst(count: int) -> None:
        told.append(count)
        if sum(told) > 10_000:
            raise KeyboardInterrupt

    with pytest.raises(ApplyInterruptedError, match=r"\d of 4 organizations are there, each with all"):
        load(owner, plan, stop_in_the_midst, workers=1)
    with psycopg.connect(owner) as connection:
        counts = dict(
            connection.execute("SELECT organization_id, count(*) FROM identity.people GROUP BY 1").fetchall()
        )
        ids = {str(id): count for id, count in counts.items()}
    wanted = {str(one_.id): one_.persons for one_ in plan.made()}
    assert len(ids) < 4
    assert all(wanted[id.replace("-", "")] == count for id, count in ids.items())
    with contextlib.suppress(KeyboardInterrupt):
        load(owner, plan, nobody, workers=2)
    assert one(owner, "SELECT count(*) FROM identity.people") == (26_000,)
