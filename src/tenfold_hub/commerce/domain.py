"""Commerce, as a part of a hub, or alone in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.commerce import customers, orders, products, refunds, remote, routes, showing
from tenfold_hub.commerce.merging import follow_merges
from tenfold_hub.commerce.ordering import Ordering
from tenfold_hub.commerce.people import LocalPeople, People
from tenfold_hub.commerce.service import LocalCommerce
from tenfold_hub.commerce.summary import Summary, maintenance
from tenfold_hub.commerce.summary_routes import summary_routes
from tenfold_hub.commerce.timeline import OnTimeline, ToldFromApart
from tenfold_hub.crm import api as crm
from tenfold_hub.identity import api as identity
from tenfold_hub.kit.expanding import Part
from tenfold_hub.kit.platform import Platform


def join(platform: Platform) -> None:
    ordering = _join(platform, LocalPeople())
    timeline = crm.of(platform).timeline
    ordering.follow.append(OnTimeline(timeline))
    # Nothing is named so: its queue is filled by processes that serve commerce alone.
    platform.consume({"apart": ToldFromApart(platform.db, ordering.records, timeline)})
    follow_merges(identity.of(platform).references, platform.records["customers"])
    platform.route(summary_routes(platform.cursors))
    if platform.settings is not None and platform.settings.maintenance:
        platform.running.append(Summary(maintenance(platform.settings.maintenance)).running())


def join_alone(platform: Platform) -> None:
    """With identity elsewhere. The summary is not here: it is made of what other domains have, too."""
    assert platform.settings is not None
    elsewhere = remote.RemoteIdentity(remote.client_of(platform.settings.identity))
    platform.running.append(elsewhere)
    platform.services["credentials"] = elsewhere
    platform.aliases["per"] = elsewhere.resolve
    ordering = _join(platform, elsewhere)
    platform.consume({"commerce.orders.*": ToldFromApart(platform.db, ordering.records, crm.Timeline())})
    for name in ("customers", "orders"):
        platform.expander.adds(name, "person", _people_part(elsewhere))


def _join(platform: Platform, people: People) -> Ordering:
    platform.add(products.PRODUCTS).prepare.append(products.checked)
    buyers = platform.add(customers.CUSTOMERS)
    buyers.prepare.append(customers.checked(people))
    ordering = Ordering(platform.add(orders.ORDERS), customers.Customers(buyers, people))
    refunding = refunds.Refunding(platform.add(refunds.REFUNDS), ordering)
    commerce = platform.services["commerce"] = LocalCommerce(ordering)

    platform.expander.adds("customers", "statistics", showing.statistics_part)
    platform.expander.adds("orders", "items", showing.items_part)
    platform.expander.adds("orders", "history", showing.history_part)
    platform.expander.adds("refunds", "items", showing.refund_items_part)
    platform.route(routes.order_routes(commerce, ordering))
    platform.route(routes.refund_routes(refunding))
    platform.route(routes.customer_routes(commerce, buyers))
    return ordering


def _people_part(elsewhere: remote.RemoteIdentity) -> Part:
    async def part(_: Session, rows: Sequence[Any]) -> list[Any]:
        found = await elsewhere.people({row["person_id"] for row in rows})
        return [found.get(row["person_id"]) for row in rows]

    return part
