"""The summary of customers: whose rows they are, how old, and who may fill it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.paging import Query, index_serves
from tenfold.runtime.telemetry import Telemetry
from tenfold_hub.commerce.summary import READS, Summary, maintenance
from tenfold_hub.commerce.summary_routes import ALL, SORTS, order_of
from tenfold_hub.roles import ROLES
from tests.hub.commerce.conftest import Shop, together
from tests.hub.conftest import Organization


@pytest.fixture
async def summary(owner: str) -> AsyncIterator[Summary]:
    """Filled by the role that maintains the hub, which is no superuser and has no BYPASSRLS."""
    async with maintenance(make_conninfo(owner, user=ROLES.maintenance)) as db:
        yield Summary(db, batch=2)


@together
async def test_a_customer_is_one_row_with_what_commerce_and_the_crm_know(
    shop: Shop, summary: Summary, acme: Organization
) -> None:
    person = await shop.person(given_name="Ada", email="ada@engines.example")
    contact = await shop.done("POST", "/contacts", {"person_id": person, "score": 7})
    order = await shop.order(person, status="paid")
    await shop.order(person, currency="USD")
    await shop.refund(order, amount_minor=1)
    empty = await shop.done("GET", "/customers/summary")
    assert (empty["as_of"], empty["items"]) == (None, [])
    assert acme.id in await summary.once()
    assert await summary.once() == []
    found = await shop.done("GET", "/customers/summary")
    (row,) = found["items"]
    assert found["as_of"] >= order["placed_at"]
    assert (row["customer_id"], row["person_id"]) == (order["customer_id"], person)
    assert (row["given_name"], row["email"], row["orders"]) == ("Ada", "ada@engines.example", 2)
    assert (row["contact_id"], row["contact_score"]) == (contact["id"], 7)
    assert row["currencies"] == [
        {"currency": "EUR", "orders": 1, "spent_minor": 1000, "refunded_minor": 1},
        {"currency": "USD", "orders": 1, "spent_minor": 0, "refunded_minor": 0},
    ]
    assert (await shop.done("GET", f"/customers/summary?person_id={person}"))["items"] == [row]


@together
async def test_it_is_paged_in_each_order(
    shop: Shop, summary: Summary, acme: Organization, telemetry: Telemetry
) -> None:
    for count in range(5):
        person = await shop.person()
        await shop.done("POST", "/contacts", {"person_id": person, "score": count % 2})
        for _ in range(count):
            await shop.order(person)
        if not count:
            await shop.done("POST", "/customers", {"person_id": person})
    await summary.once(age=0)
    for sort in ("-last_order_at", "orders", "-contact_score", "customer_id"):
        whole = (await shop.done("GET", f"/customers/summary?sort={sort}"))["items"]
        assert len(whole) == 5
        paged, cursor = [], ""
        while True:
            page = await shop.done("GET", f"/customers/summary?sort={sort}&limit=2{cursor}")
            paged += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert paged == whole, sort
    with telemetry.recording("page") as record:
        ordered = await shop.done("GET", "/customers/summary?sort=-orders&limit=1")
    # Who asks, how old it is, and the page.
    assert record.queries == 3, record
    assert ordered["items"][0]["orders"] == 4
    refused = await shop.client.get("/customers/summary?sort=email")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_sortable")


@together
async def test_an_organization_sees_its_own_rows_alone(
    shop: Shop, other: httpx.AsyncClient, summary: Summary
) -> None:
    order = await shop.order()
    await summary.once(age=0)
    assert len((await shop.done("GET", "/customers/summary"))["items"]) == 1
    assert (await other.get("/customers/summary")).json()["items"] == []
    theirs = await other.get(f"/customers/summary?person_id={order['person_id']}")
    assert theirs.json()["items"] == []


@together
async def test_a_refresh_writes_what_changed_and_forgets_who_went(
    shop: Shop, summary: Summary, acme: Organization, owner: str
) -> None:
    people = [await shop.person() for _ in range(5)]
    orders = [await shop.order(person) for person in people]
    await summary.refresh(acme.id)

    def rows() -> dict[str, str]:
        with psycopg.connect(owner) as connection:
            found = connection.execute(
                "SELECT person_id::text, xmin::text FROM commerce.customer_crm_summary"
            )
            return dict(found.fetchall())

    before = rows()
    await shop.order(people[3])
    await shop.done("DELETE", f"/customers/{orders[0]['customer_id']}")
    await shop.done("POST", f"/people/{people[1]}/merge", {"ids": [people[2]]})
    await summary.refresh(acme.id)
    after = rows()
    assert len(after) == 3
    kept = [person for person, written in after.items() if written == before[person]]
    assert len(kept) == 1
    found = (await shop.done("GET", "/customers/summary?sort=customer_id"))["items"]
    assert [(each["person_id"], each["orders"]) for each in found] == [
        (people[1], 2), (people[3], 2), (people[4], 1)
    ]  # fmt: skip


@together
async def test_a_page_of_many_is_read_from_an_index_in_each_order(
    shop: Shop, summary: Summary, acme: Organization, owner: str, db: Database
) -> None:
    await shop.order()
    await summary.refresh(acme.id)
    with psycopg.connect(owner) as connection:
        connection.execute(
            """
            INSERT INTO commerce.customer_crm_summary (organization_id, customer_id, person_id,
                        lifecycle_stage, orders, last_order_at, currencies, contact_score)
            SELECT organization_id, gen_random_uuid(), gen_random_uuid(), 'customer', n % 50,
                   CASE n % 10 WHEN 0 THEN NULL ELSE now() - n * interval '1 minute' END, '[]', n % 100
              FROM commerce.customer_crm_summary, generate_series(1, 20000) AS n
            """
        )
        connection.execute("ANALYZE commerce.customer_crm_summary")
    async with db.tenant(acme.id) as session:
        for sort in (sign + name for name in SORTS for sign in ("", "-")):
            report = await index_serves(session, Query(ALL, acme.id), order_of(sort))
            assert report.serves, f"{sort}\n{report}"


async def test_whoever_fills_it_reads_what_it_is_made_of_and_one_organization_at_a_time(
    client: httpx.AsyncClient, owner: str, summary: Summary, acme: Organization, globex: Organization
) -> None:
    person = (await client.post("/people", json={})).json()["id"]
    assert (await client.post("/customers", json={"person_id": person})).status_code == 201
    await summary.once()
    with psycopg.connect(make_conninfo(owner, user=ROLES.maintenance), autocommit=True) as connection:
        for seen, scope in ((0, ""), (0, str(globex.id)), (1, str(acme.id))):
            connection.execute("SELECT set_config('app.organization_id', %s, false)", [scope])
            for table in ("commerce.customers", "identity.people", "commerce.customer_crm_summary"):
                count = f"SELECT count(organization_id) FROM {table}"
                assert connection.execute(count.encode()).fetchone() == (seen,), (table, scope)
        for (schema, table), columns in READS.items():
            connection.execute(f"SELECT {', '.join(columns)} FROM {schema}.{table}".encode())
        for hidden in (
            "phone FROM identity.people",
            "id FROM commerce.orders",
            "note FROM commerce.customers",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {hidden}".encode())
    with (
        psycopg.connect(make_conninfo(owner, user=ROLES.application), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM commerce.customer_crm_summary")


@together
async def test_whoever_owns_the_hub_sees_nothing_of_it(shop: Shop, owner: str) -> None:
    await shop.order()
    with psycopg.connect(make_conninfo(owner, user=ROLES.owner)) as connection:
        assert connection.execute("SELECT count(*) FROM commerce.customers").fetchone() == (0,)
