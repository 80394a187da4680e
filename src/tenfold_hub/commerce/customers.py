"""Customers: what commerce knows of a person. The first order makes one."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Row, Session
from tenfold_hub.commerce.people import People
from tenfold_hub.commerce.products import Metadata
from tenfold_hub.commerce.statistics import Statistics
from tenfold_hub.commerce.tables import begun
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft, Prepare, Records
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing

#: Merges that may overtake one order.
_TRIES = 5
_NO_SUCH_ROW = "23503"

Note = Annotated[str, Meta(max_length=10_000)]

# One of two who make the same customer waits for the other, and finds that it is made.
_MAKE = """
INSERT INTO commerce.customers (organization_id, id, person_id, created_at, updated_at)
SELECT $1, c.*, $4, $4 FROM unnest($2::uuid[], $3::uuid[]) AS c (id, person_id) ORDER BY c.person_id
ON CONFLICT (organization_id, person_id) DO NOTHING
RETURNING id
"""
# The lock that a foreign key takes: whoever merges these people waits for us, or we for him.
_HOLD = """
SELECT id, person_id FROM commerce.customers
 WHERE organization_id = $1 AND person_id = ANY($2::uuid[]) ORDER BY id FOR KEY SHARE
"""


class Customer(Thing, kw_only=True):
    person_id: str
    note: str | None
    metadata: dict[str, str]
    person: dict[str, Any] | UnsetType | None = UNSET
    statistics: Statistics | UnsetType = UNSET


class NewCustomer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    person_id: str
    note: Note | None = None
    metadata: Metadata = {}


class CustomerPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    note: Note | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


CUSTOMERS = Resource(
    name="customers",
    singular="customer",
    prefix="cus",
    schema="commerce",
    table="customers",
    columns={"person_id": "uuid", "note": "text", "metadata": "jsonb"},
    shown=Customer,
    new=NewCustomer,
    patch=CustomerPatch,
    refs={"person_id": "per"},
    filters={
        "person_id": Filter(operators=("eq", "in")),
        "created_at": Filter(operators=RANGE),
        "updated_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort(), "updated_at": Sort()},
    expands={"person": "people", "statistics": "statistics"},
    keys=("person_id",),
    constraints={
        "customers_person_key": Fault("/person_id", "taken", "this person is a customer already"),
        "customers_person_fkey": Fault("/person_id", "unknown", "there is no such person"),
    },
)


class Customers:
    """Of people, as orders need them."""

    def __init__(self, records: Records, people: People) -> None:
        self._records, self._people = records, people

    async def of(
        self, session: Session, principal: Principal, people: Collection[uuid.UUID], now: datetime
    ) -> dict[uuid.UUID, Row]:
        """By the id that was asked for: `id` of the customer, made where there is none, and `person_id`.

        Ids of nobody are left out. The people of customers that are held are not merged before the
        transaction ends.
        """
        for _ in range(_TRIES):
            living = await self._people.living(session, people)
            wanted = sorted(set(living.values()))
            held = await self._held(session, wanted)
            if new := [person for person in wanted if person not in held]:
                await self._make(session, principal, new, now)
                held |= await self._held(session, new)
            if all(person in held for person in wanted):
                return {asked: held[person] for asked, person in living.items()}
        raise Problem("conflict", "these people are merged at this moment; try again")

    async def _held(self, session: Session, people: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        return {row["person_id"]: row for row in await session.fetch(_HOLD, session.tenant, people)}

    async def _make(
        self, session: Session, principal: Principal, people: Sequence[uuid.UUID], now: datetime
    ) -> None:
        ids = [new_id() for _ in people]
        try:
            async with session.savepoint():
                made = await session.fetch(_MAKE, session.tenant, ids, people, now)
        except Exception as error:
            # A person who was there a moment ago and is merged by now.
            if getattr(error, "sqlstate", "") != _NO_SUCH_ROW:
                raise
            return
        new = {row["id"] for row in made}
        changes = []
        for id, person in zip(ids, people, strict=True):
            if id in new:
                values = begun(CUSTOMERS, now) | {"id": id, "person_id": person, "metadata": {}}
                changes.append(Change("created", id, None, values))
        await self._records.tell(session, principal, changes)


def checked(people: People) -> Prepare:
    """A new customer is of a person who is there."""

    async def prepare(session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        new = [draft for draft in drafts if "person_id" in draft.given]
        living = await people.living(session, {draft.values["person_id"] for draft in new}) if new else {}
        for draft in new:
            person = living.get(draft.values["person_id"])
            if person is None:
                draft.problem = invalid("/person_id", "unknown", "there is no such person")
            else:
                draft.values["person_id"] = person

    return prepare
