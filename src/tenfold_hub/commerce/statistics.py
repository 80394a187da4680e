"""What customers ordered, spent and were refunded, by currency: kept with each write, in its transaction.

Orders count once they are placed, until they are cancelled; what was spent is what was paid; refunds count
apart. A customer's row in a currency is held from its change to the end of the transaction, so that writes of
one customer come one after another from there: it is the last that a transaction does of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tenfold.runtime import Row, Session
from tenfold_hub.commerce.money import exponents
from tenfold_hub.commerce.states import COUNTED, deltas
from tenfold_hub.kit.showing import moment

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
# Whoever adds a row for one of them holds the customer, as its foreign key does.
_HOLD = """
SELECT id FROM commerce.customers WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_FORGET = (
    "DELETE FROM commerce.customer_statistics WHERE organization_id = $1 AND customer_id = ANY($2::uuid[])"
)
_COMPUTED = """
SELECT customer_id, currency, count(*) FILTER (WHERE counted) AS orders,
       sum(paid_minor)::bigint AS spent_minor, sum(refunded_minor)::bigint AS refunded_minor,
       min(placed_at) FILTER (WHERE counted) AS first_order_at,
       max(placed_at) FILTER (WHERE counted) AS last_order_at
  FROM (SELECT *, status = ANY($3::text[]) AS counted FROM commerce.orders
         WHERE organization_id = $1 AND customer_id = ANY($2::uuid[]) AND placed_at IS NOT NULL) o
 GROUP BY customer_id, currency
"""
_COMPUTE = f"""
INSERT INTO commerce.customer_statistics
       (organization_id, customer_id, currency, orders, spent_minor, refunded_minor, first_order_at,
        last_order_at)
SELECT $1, c.* FROM ({_COMPUTED}) c
"""
_KEPT = ("orders", "spent_minor", "refunded_minor", "first_order_at", "last_order_at")


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


async def get(session: Session, customers: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """By customer, in the order of the currencies."""
    found: dict[uuid.UUID, list[Row]] = {id: [] for id in customers}
    for row in await session.fetch(_GET, session.tenant, list(customers)):
        found[row["customer_id"]].append(row)
    return found


async def recompute(session: Session, customers: Iterable[uuid.UUID]) -> None:
    """From the orders themselves, however many: after customers became one, or two again."""
    ids = sorted(set(customers))
    held = [row["id"] for row in await session.fetch(_HOLD, session.tenant, ids)]
    await session.execute(_FORGET, session.tenant, held)
    await session.execute(_COMPUTE, session.tenant, held, list(COUNTED))


async def differences(session: Session, customers: Iterable[uuid.UUID]) -> list[tuple[uuid.UUID, str]]:
    """Customers and currencies where what was kept is not what the orders say: none, ever."""
    ids = list(customers)
    kept = {_key(row): _values(row) for row in await session.fetch(_GET, session.tenant, ids)}
    computed = {
        _key(row): _values(row) for row in await session.fetch(_COMPUTED, session.tenant, ids, list(COUNTED))
    }
    return sorted(key for key in kept.keys() | computed.keys() if kept.get(key) != computed.get(key))


def shown(rows: Sequence[Row]) -> dict[str, Any]:
    """One customer's, as the API shows it."""
    first = [row["first_order_at"] for row in rows if row["first_order_at"] is not None]
    last = [row["last_order_at"] for row in rows if row["last_order_at"] is not None]
    return {
        "orders": sum(row["orders"] for row in rows),
        "first_order_at": moment(min(first)) if first else None,
        "last_order_at": moment(max(last)) if last else None,
        "currencies": [_of_currency(row) for row in rows],
    }


def _of_currency(row: Row) -> dict[str, Any]:
    return {
        "currency": row["currency"],
        "exponent": exponents()[row["currency"]],
        "orders": row["orders"],
        "spent_minor": row["spent_minor"],
        "refunded_minor": row["refunded_minor"],
        "net_minor": row["spent_minor"] - row["refunded_minor"],
        "first_order_at": _moment(row["first_order_at"]),
        "last_order_at": _moment(row["last_order_at"]),
    }


def _moment(value: Any) -> str | None:
    return None if value is None else moment(value)


def _key(row: Row) -> tuple[uuid.UUID, str]:
    return row["customer_id"], row["currency"]


def _values(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEPT)
