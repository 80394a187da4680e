"""What customers ordered, spent and were refunded, by currency: kept with each write, in its transaction.

Orders count once they are placed, until they are cancelled; what was spent is what was paid; refunds count
apart. A customer's row in a currency is held from its change to the end of the transaction, so that writes of
one customer come one after another from there: it is the last that a transaction does of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tenfold.runtime import Row, Session
from tenfold_hub.commerce.money import exponents
from tenfold_hub.commerce.states import COUNTED, deltas

# In the order of the key, so that two who write the same customers wait for each other and do not lock up.
_ADD = """
INSERT INTO commerce.customer_statistics AS s
       (organization_id, customer_id, currency, orders, spent_minor, refunded_minor, first_order_at,
        last_order_at)
SELECT $1, d.* FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                           $7::timestamptz[], $8::timestamptz[])
       AS d (customer_id, currency, orders, spent_minor, refunded_minor, first_order_at, last_order_at)
 ORDER BY d.customer_id, d.currency
ON CONFLICT (organization_id, customer_id, currency) DO UPDATE SET
       orders = s.orders + EXCLUDED.orders,
       spent_minor = s.spent_minor + EXCLUDED.spent_minor,
       refunded_minor = s.refunded_minor + EXCLUDED.refunded_minor,
       first_order_at = LEAST(s.first_order_at, EXCLUDED.first_order_at),
       last_order_at = GREATEST(s.last_order_at, EXCLUDED.last_order_at)
"""
# After _ADD, which holds the rows: this statement sees all that others committed before it.
_ENDS = """
UPDATE commerce.customer_statistics s SET first_order_at = o.first_at, last_order_at = o.last_at
  FROM unnest($2::uuid[], $3::text[]) AS d (customer_id, currency)
  CROSS JOIN LATERAL (
    SELECT min(placed_at) AS first_at, max(placed_at) AS last_at FROM commerce.orders
     WHERE organization_id = $1 AND customer_id = d.customer_id AND currency = d.currency
       AND status = ANY($4::text[])
  ) o
 WHERE s.organization_id = $1 AND s.customer_id = d.customer_id AND s.currency = d.currency
"""
_GET = """
SELECT customer_id, currency, orders, spent_minor, refunded_minor, first_order_at, last_order_at
  FROM commerce.customer_statistics
 WHERE organization_id = $1 AND customer_id = ANY($2::uuid[]) ORDER BY customer_id, currency
"""
_GET_OF_PEOPLE = """
SELECT c.person_id, s.currency, s.orders, s.spent_minor, s.refunded_minor, s.first_order_at, s.last_order_at
  FROM commerce.customers AS c
  LEFT JOIN commerce.customer_statistics AS s
         ON s.organization_id = c.organization_id AND s.customer_id = c.id
 WHERE c.organization_id = $1 AND c.person_id = ANY($2::uuid[]) ORDER BY c.person_id, s.currency
"""
# Whoever adds a row for one of them holds the customer, as its foreign key does.
_HOLD = """
SELECT id FROM commerce.customers WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_FORGET = (
    "DELETE FROM commerce.customer_statistics WHERE organization_id = $1 AND customer_id = ANY($2::uuid[])"
)
_COMPUTE = """
INSERT INTO commerce.customer_statistics
       (organization_id, customer_id, currency, orders, spent_minor, refunded_minor, first_order_at,
        last_order_at)
SELECT $1, customer_id, currency, count(*) FILTER (WHERE counted) AS orders,
       sum(paid_minor)::bigint AS spent_minor, sum(refunded_minor)::bigint AS refunded_minor,
       min(placed_at) FILTER (WHERE counted) AS first_order_at,
       max(placed_at) FILTER (WHERE counted) AS last_order_at
  FROM (SELECT *, status = ANY($3::text[]) AS counted FROM commerce.orders
         WHERE organization_id = $1 AND customer_id = ANY($2::uuid[]) AND placed_at IS NOT NULL) o
 GROUP BY customer_id, currency
"""
_KEPT = ("orders", "spent_minor", "refunded_minor", "first_order_at", "last_order_at")


class CurrencyStatistics(msgspec.Struct, kw_only=True):
    """`net_minor` is what was spent without what was refunded; `exponent` the digits of the minor unit."""

    currency: str
    exponent: int
    orders: int
    spent_minor: int
    refunded_minor: int
    net_minor: int
    first_order_at: datetime | None
    last_order_at: datetime | None


class Statistics(msgspec.Struct, kw_only=True):
    """Orders that were placed and not cancelled, and what was paid and refunded, in each currency."""

    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    currencies: list[CurrencyStatistics]


_NOTHING = Statistics(orders=0, first_order_at=None, last_order_at=None, currencies=[])


async def follow(
    session: Session, pairs: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any]]]
) -> None:
    """Adds what orders count for now and did not before: one statement, or two where some were cancelled."""
    found = deltas(pairs)
    if not found:
        return
    columns = list(zip(*(delta[:-1] for delta in found), strict=True))
    await session.execute(_ADD, session.tenant, *map(list, columns))
    taken = [delta for delta in found if delta.taken]
    if taken:
        customers, currencies = [each.customer_id for each in taken], [each.currency for each in taken]
        await session.execute(_ENDS, session.tenant, customers, currencies, list(COUNTED))


async def get(session: Session, customers: Sequence[uuid.UUID]) -> dict[uuid.UUID, Statistics]:
    """By customer."""
    rows = await session.fetch(_GET, session.tenant, list(customers))
    return dict.fromkeys(customers, _NOTHING) | _summed(rows, "customer_id")


async def get_of_people(session: Session, people: Collection[uuid.UUID]) -> dict[uuid.UUID, Statistics]:
    """By person, of those who are customers."""
    return _summed(await session.fetch(_GET_OF_PEOPLE, session.tenant, list(people)), "person_id")


async def recompute(session: Session, customers: Iterable[uuid.UUID]) -> None:
    """From the orders themselves, however many: after customers became one, or two again."""
    ids = sorted(set(customers))
    held = [row["id"] for row in await session.fetch(_HOLD, session.tenant, ids)]
    await session.execute(_FORGET, session.tenant, held)
    await session.execute(_COMPUTE, session.tenant, held, list(COUNTED))


def _summed(rows: Sequence[Row], by: str) -> dict[uuid.UUID, Statistics]:
    of: dict[uuid.UUID, list[CurrencyStatistics]] = {}
    for row in rows:
        currencies = of.setdefault(row[by], [])
        if row["currency"] is not None:
            currencies.append(_of_currency(row))
    return {id: _of(currencies) for id, currencies in of.items()}


def _of(currencies: list[CurrencyStatistics]) -> Statistics:
    first = [each.first_order_at for each in currencies if each.first_order_at is not None]
    last = [each.last_order_at for each in currencies if each.last_order_at is not None]
    return Statistics(
        orders=sum(each.orders for each in currencies),
        first_order_at=min(first, default=None),
        last_order_at=max(last, default=None),
        currencies=currencies,
    )


def _of_currency(row: Row) -> CurrencyStatistics:
    return CurrencyStatistics(
        exponent=exponents()[row["currency"]],
        net_minor=row["spent_minor"] - row["refunded_minor"],
        **{name: row[name] for name in ("currency", *_KEPT)},
    )
