"""When two people become one, so do their customers: orders move, and statistics are what the orders say."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.runtime import Session
from tenfold_hub.commerce import statistics
from tenfold_hub.identity.api import Reference, References, Table, survivor, union
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Records


def follow_merges(references: References, customers: Records) -> None:
    rules = {"note": survivor, "metadata": union}
    buyers = Table(schema="commerce", table="customers", rules=rules, records=customers)
    bought = Table(schema="commerce", table="orders")
    references.add(
        # A person is one customer at most.
        Reference(table=buyers, column="person_id", unique=()),
        Reference(table=bought, column="person_id"),
        Reference(table=bought, column="customer_id", to="customers"),
    )
    customers.follow.append(_recompute)


async def _recompute(session: Session, _: Principal, changes: Sequence[Change]) -> None:
    """Of customers who became one, or are two again; rows of one that is gone went with it.

    Orders that were taken in between belong to whoever stays, so that nothing kept from before would do.
    """
    merged = [each.id for each in changes if each.action in ("merged", "unmerged") and each.after is not None]
    if merged:
        await statistics.recompute(session, merged)
