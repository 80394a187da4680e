"""`customer_crm_summary`: a customer in one row, with the person, what was spent, and what the CRM knows.

A read model is the one place where tables of several domains meet. It is filled by the role that maintains
the hub, whom policies of its own let see exactly the columns below; the application reads a view that shows
each organization its own rows, as of the last refresh.
"""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec

from tenfold.runtime import SMALL, Database
from tenfold.runtime.read_models import ReadModel, Refresher
from tenfold_hub.migrations.table import SETTING

SUMMARY = ReadModel(
    name="customer_crm_summary",
    schema="commerce",
    query="""
SELECT c.organization_id, c.id AS customer_id, c.person_id, p.given_name, p.family_name, p.email,
       p.lifecycle_stage, coalesce(s.orders, 0) AS orders, s.first_order_at, s.last_order_at,
       coalesce(s.currencies, '[]') AS currencies, t.id AS contact_id, t.score AS contact_score,
       t.last_contacted_at
  FROM commerce.customers c
  JOIN identity.people p ON p.organization_id = c.organization_id AND p.id = c.person_id
  LEFT JOIN (
    SELECT organization_id, customer_id, sum(orders)::bigint AS orders, min(first_order_at) AS first_order_at,
           max(last_order_at) AS last_order_at,
           jsonb_agg(jsonb_build_object('currency', currency, 'orders', orders, 'spent_minor', spent_minor,
                                        'refunded_minor', refunded_minor) ORDER BY currency) AS currencies
      FROM commerce.customer_statistics GROUP BY organization_id, customer_id
  ) s ON s.organization_id = c.organization_id AND s.customer_id = c.id
  LEFT JOIN crm.contacts t ON t.organization_id = c.organization_id AND t.person_id = c.person_id
                          AND t.archived_at IS NULL
 WHERE c.archived_at IS NULL""",
    tenant_column="organization_id",
    key=("organization_id", "customer_id"),
    indexes=(
        ("last_order_at", "customer_id"),
        ("orders", "customer_id"),
        ("contact_score", "customer_id"),
        ("person_id",),
    ),
    every=300.0,
)
#: What the query reads, and so what whoever fills it may read.
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


class SpentInCurrency(msgspec.Struct, kw_only=True):
    currency: str
    orders: int
    spent_minor: int
    refunded_minor: int


class Summary(msgspec.Struct, kw_only=True):
    customer_id: str
    person_id: str
    given_name: str | None
    family_name: str | None
    email: str | None
    lifecycle_stage: str
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[SpentInCurrency]
    contact_id: str | None
    contact_score: int | None
    last_contacted_at: datetime | None


class SummaryPage(msgspec.Struct, kw_only=True):
    """`as_of`: what was committed before is in it."""

    as_of: datetime | None
    items: list[Summary]
    next_cursor: str | None
    previous_cursor: str | None


class Refreshing:
    """Refreshes it on schedule, while the hub runs; of several processes one does at a time."""

    def __init__(self, dsn: str) -> None:
        """`dsn` is of the role that maintains the hub."""
        self._dsn = dsn
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            db = await opening.enter_async_context(maintenance(self._dsn))
            await opening.enter_async_context(Refresher(db, [SUMMARY]))
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()


def maintenance(dsn: str) -> Database:
    """The database as the role that owns the read model sees it."""
    return Database(
        dsn,
        tenant_type=uuid.UUID,
        setting=SETTING,
        pool=SMALL,
        application="tenfold hub read models",
        accept_unsafe_role=True,
    )
