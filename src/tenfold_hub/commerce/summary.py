"""`customer_crm_summary`: a customer in one row, with the person, what was spent, and what the CRM knows.

A read model is the one place where tables of several domains meet. Its rows are a table like all others,
bound by the policy of their organization, so that an index serves each of its orders. The role that maintains
the hub fills it from exactly the columns below, one organization after the other, in sessions of that
organization: it never sees two of them at once. Readers see the rows of the last refresh meanwhile; only what
changed is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager

from tenfold.runtime import SMALL, Database
from tenfold_hub.migrations.table import SETTING

#: Seconds that the rows of an organization may be old, and between two looks for such organizations.
EVERY, LOOK = 300.0, 30.0
#: Customers of one transaction.
BATCH = 5_000

#: What it is made of, and so what whoever fills it may read.
READS = {
    ("commerce", "customers"): ("organization_id", "id", "person_id", "archived_at"),
    ("commerce", "customer_statistics"): (
        "organization_id", "customer_id", "currency", "orders", "spent_minor", "refunded_minor",
        "first_order_at", "last_order_at",
    ),
    ("identity", "people"): (
        "organization_id", "id", "given_name", "family_name", "email", "lifecycle_stage",
    ),
    ("crm", "contacts"): ("organization_id", "id", "person_id", "score", "last_contacted_at", "archived_at"),
}  # fmt: skip
#: Its columns behind the key, in the order of the query.
COLUMNS = (
    "person_id", "given_name", "family_name", "email", "lifecycle_stage", "orders", "first_order_at",
    "last_order_at", "currencies", "contact_id", "contact_score", "last_contacted_at",
)  # fmt: skip


def _listed(form: str) -> str:
    return ", ".join(map(form.format, COLUMNS))


_BEGINNING, _END = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)
_DUE = """
SELECT o.id FROM identity.organizations AS o
  LEFT JOIN commerce.summary_refreshes AS r ON r.organization_id = o.id
 WHERE r.refreshed_at IS NULL OR r.refreshed_at <= clock_timestamp() - make_interval(secs => $1)
 ORDER BY r.refreshed_at NULLS FIRST
"""
# Another process may be at the same organization: it does the rest alone.
_LOCK = """
SELECT pg_try_advisory_xact_lock(hashtextextended($1::uuid::text, 7305)) AS held, clock_timestamp() AS at
"""
_LAST = """
SELECT id FROM commerce.customers WHERE organization_id = $1 AND id > $2 ORDER BY id OFFSET $3 LIMIT 1
"""
# What differs is found by hashes, and not by a join: of a table that nobody has analyzed yet, the planner
# takes an organization's share for one row.
_REFRESH = f"""
WITH fresh AS MATERIALIZED (
  SELECT c.id AS customer_id, c.person_id, p.given_name, p.family_name, p.email, p.lifecycle_stage,
         coalesce(s.orders, 0) AS orders, s.first_order_at, s.last_order_at,
         coalesce(s.currencies, '[]') AS currencies, t.id AS contact_id, t.score AS contact_score,
         t.last_contacted_at
    FROM commerce.customers AS c
    JOIN identity.people AS p ON p.organization_id = c.organization_id AND p.id = c.person_id
    LEFT JOIN LATERAL (
      SELECT sum(orders)::bigint AS orders, min(first_order_at) AS first_order_at,
             max(last_order_at) AS last_order_at,
             jsonb_agg(jsonb_build_object('currency', currency, 'orders', orders, 'spent_minor', spent_minor,
                                          'refunded_minor', refunded_minor) ORDER BY currency) AS currencies
        FROM commerce.customer_statistics
       WHERE organization_id = c.organization_id AND customer_id = c.id
    ) AS s ON true
    LEFT JOIN crm.contacts AS t ON t.organization_id = c.organization_id AND t.person_id = c.person_id
                               AND t.archived_at IS NULL
   WHERE c.organization_id = $1 AND c.id > $2 AND c.id <= $3 AND c.archived_at IS NULL
), kept AS MATERIALIZED (
  SELECT customer_id, {_listed("{0}")} FROM commerce.customer_crm_summary
   WHERE organization_id = $1 AND customer_id > $2 AND customer_id <= $3
), gone AS (
  DELETE FROM commerce.customer_crm_summary
   WHERE organization_id = $1
     AND customer_id = ANY(ARRAY(SELECT customer_id FROM kept EXCEPT SELECT customer_id FROM fresh))
)
INSERT INTO commerce.customer_crm_summary (organization_id, customer_id, {_listed("{0}")})
SELECT $1, n.* FROM (SELECT * FROM fresh EXCEPT SELECT * FROM kept) AS n
ON CONFLICT (organization_id, customer_id)
DO UPDATE SET {_listed("{0} = EXCLUDED.{0}")}
"""
_DONE = """
INSERT INTO commerce.summary_refreshes (organization_id, refreshed_at) VALUES ($1, $2)
ON CONFLICT (organization_id) DO UPDATE SET refreshed_at = EXCLUDED.refreshed_at
"""
_log = logging.getLogger("tenfold_hub.commerce")


class Summary:
    """`db` is connected as the role that maintains the hub. Any number of processes may refresh: each
    organization is one's at a time.
    """

    def __init__(self, db: Database, *, batch: int = BATCH) -> None:
        self._db, self._batch = db, batch

    async def once(self, age: float = EVERY) -> Collection[uuid.UUID]:
        """Refreshes organizations whose rows are so many seconds old; those that it did."""
        async with self._db.system("customer summary: whose is old", read_only=True) as session:
            due = [row["id"] for row in await session.fetch(_DUE, age)]
        done = []
        for organization in due:
            try:
                if await self.refresh(organization):
                    done.append(organization)
            except Exception as error:  # noqa: BLE001 - it stays due; the others are not to wait for it
                _log.warning("the summary of %s stays as it is: %s", organization, type(error).__name__)
        return done

    async def refresh(self, organization: uuid.UUID) -> bool:
        """Whether it did: another process may be at it."""
        after, began = _BEGINNING, None
        while True:
            async with self._db.tenant(organization) as session:
                lock = await session.fetch_row(_LOCK, organization)
                if lock is None or not lock["held"]:
                    return False
                began = began or lock["at"]
                last = await session.fetch_value(_LAST, organization, after, self._batch - 1)
                await session.execute(_REFRESH, organization, after, last or _END)
                if last is None:
                    await session.execute(_DONE, organization, began)
                    return True
            after = last

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with self._db:
            task = asyncio.create_task(self._always(), name="tenfold hub: customer summary")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _always(self) -> None:
        while True:
            try:
                await self.once()
            except Exception as error:  # noqa: BLE001 - the next look finds what this one left
                _log.warning("summaries stay as they are: %s", type(error).__name__)
            await asyncio.sleep(LOOK * random.uniform(0.9, 1.1))


def maintenance(dsn: str) -> Database:
    """The database, as the role that fills the summary sees it."""
    return Database(
        dsn, tenant_type=uuid.UUID, setting=SETTING, pool=SMALL, application="tenfold hub summary"
    )
