"""Rows of commerce: products, and one person in five as a customer, with orders and what they sum up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tenfold_hub.commerce.states import COUNTED
from tenfold_hub.commerce.totals import Line, totals
from tenfold_hub.seeding import vocabulary as words
from tenfold_hub.seeding.batch import NULL, Batch, Person, Rows, moment

_TAX = 2000
_COMMON = ("organization_id", "id", "created_at", "updated_at")
#: How far orders have come: the times that are set by then.
_STATUSES, _SHARES = ("placed", "paid", "fulfilled", "cancelled"), (6, 12, 76, 6)
_NOBODY = "00000000000000000000000000000000"


def rows(batch: Batch) -> Iterator[Rows]:
    products = [batch.shared("product", place) for place in range(len(words.PRODUCTS))]
    if batch.opens:
        yield _products(batch, products)
    made = _Made()
    for person in batch.people:
        if batch.random.random() < (0.05 if person.contact else 0.6):
            _customer(batch, person, products, made)
    yield from (made.customers, made.orders, made.items, made.history, made.statistics)


class _Made:
    def __init__(self) -> None:
        self.customers = Rows(("commerce", "customers"), (*_COMMON, "person_id"))
        self.orders = Rows(
            ("commerce", "orders"),
            (
                *_COMMON,
                *("content_hash", "customer_id", "person_id", "status", "currency", "tax_mode"),
                *("subtotal_minor", "discount_minor", "tax_minor", "total_minor", "paid_minor"),
                *("placed_at", "paid_at", "fulfilled_at", "cancelled_at"),
            ),
        )
        self.items = Rows(
            ("commerce", "order_items"),
            (
                *("organization_id", "order_id", "id", "position", "product_id", "sku", "name", "quantity"),
                *("unit_price_minor", "subtotal_minor", "line_discount_minor", "order_discount_minor"),
                *("tax_bp", "tax_minor", "total_minor"),
            ),
        )
        self.history = Rows(
            ("commerce", "order_history"),
            (
                *("organization_id", "order_id", "id", "at", "event", "status_before", "status"),
                *("amount_minor", "actor_kind", "actor_id"),
            ),
        )
        self.statistics = Rows(
            ("commerce", "customer_statistics"),
            (
                *("organization_id", "customer_id", "currency", "orders", "spent_minor", "refunded_minor"),
                *("first_order_at", "last_order_at"),
            ),
        )


def _products(batch: Batch, ids: list[str]) -> Rows:
    begin = batch.begins
    return Rows(
        ("commerce", "products"),
        (*_COMMON, "sku", "name", "prices", "tax_bp"),
        [
            f"{batch.organization}\t{ids[place]}\t{begin}\t{begin}\tSKU-{place + 1:03}\t{name}"
            f'\t{{"EUR": {price}}}\t{_TAX}\n'
            for place, (name, price) in enumerate(words.PRODUCTS)
        ],
    )


def _customer(batch: Batch, person: Person, products: list[str], made: _Made) -> None:
    chance = batch.random
    since = batch.later(person.ms, 5)
    id = batch.id(since)
    at = moment(since)
    made.customers.lines.append(f"{batch.organization}\t{id}\t{at}\t{at}\t{person.id}\n")
    times = [batch.later(since, 120) for _ in range(min(8, int(chance.expovariate(1.2)) + 1))]
    spent = []
    for time in sorted(times):
        status, total = _order(batch, person, id, time, products, made)
        if status in COUNTED:
            spent.append((time, total))
    if spent:
        made.statistics.lines.append(
            f"{batch.organization}\t{id}\tEUR\t{len(spent)}\t{sum(total for _, total in spent)}\t0"
            f"\t{moment(spent[0][0])}\t{moment(spent[-1][0])}\n"
        )


def _order(
    batch: Batch, person: Person, customer: str, ms: int, products: list[str], made: _Made
) -> tuple[str, int]:
    chance = batch.random
    id = batch.id(ms)
    chosen: dict[int, int] = defaultdict(int)
    for _ in range(chance.choices((1, 2, 3, 4), (50, 28, 15, 7))[0]):
        chosen[chance.randrange(len(products))] += chance.choices((1, 2, 5), (75, 18, 7))[0]
    lines = [
        Line(quantity=count, unit_price_minor=words.PRODUCTS[place][1], tax_bp=_TAX)
        for place, count in chosen.items()
    ]
    amounts = totals(lines, None, "exclusive")
    status = chance.choices(_STATUSES, _SHARES)[0]
    ends = [ms, batch.later(ms, 1), batch.later(ms, 4)]
    paid = status in ("paid", "fulfilled")
    steps = [("placed", ends[0])]
    steps += [("paid", ends[1])] if paid else []
    steps += [("fulfilled", max(ends))] if status == "fulfilled" else []
    steps += [("cancelled", ends[1])] if status == "cancelled" else []
    when = {name: moment(at) for name, at in steps}
    made.orders.lines.append(
        f"{batch.organization}\t{id}\t{when['placed']}\t{moment(steps[-1][1])}\t\\\\x{id}\t{customer}\t{person.id}"
        f"\t{status}\tEUR\texclusive\t{amounts.subtotal_minor}\t0\t{amounts.tax_minor}\t{amounts.total_minor}"
        f"\t{amounts.total_minor if paid else 0}\t{when['placed']}\t{when.get('paid', NULL)}"
        f"\t{when.get('fulfilled', NULL)}\t{when.get('cancelled', NULL)}\n"
    )
    for position, (place, line, priced) in enumerate(zip(chosen, lines, amounts.lines, strict=True)):
        made.items.lines.append(
            f"{batch.organization}\t{id}\t{batch.id(ms)}\t{position}\t{products[place]}\tSKU-{place + 1:03}"
            f"\t{words.PRODUCTS[place][0]}\t{line.quantity}\t{line.unit_price_minor}\t{priced.subtotal_minor}"
            f"\t0\t0\t{_TAX}\t{priced.tax_minor}\t{priced.total_minor}\n"
        )
    before = NULL
    for event, at in steps:
        amount = amounts.total_minor if event == "paid" else NULL
        made.history.lines.append(
            f"{batch.organization}\t{id}\t{batch.id(at)}\t{moment(at)}\t{event}\t{before}\t{event}\t{amount}"
            f"\tsystem\t{_NOBODY}\n"
        )
        before = event
    return status, amounts.total_minor
