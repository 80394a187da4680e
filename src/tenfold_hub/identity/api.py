"""What identity offers to other domains. Nothing else of it is theirs to import.

    identity.of(platform).references.add(Reference(table=ORDERS, column="person_id"))
    records.prepare.insert(0, refers_to_people("person_id"))

Whoever keeps ids of people does both: registers the column, so that merges find it, and has the rule turn ids
of merged people into the survivor's. A foreign key to identity.people keeps what was overlooked from passing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Protocol

from tenfold.runtime import Session
from tenfold_hub.identity.aliases import hold, refers_to_people, resolve
from tenfold_hub.identity.known import KnownPerson
from tenfold_hub.identity.normal import email_normal, phone_normal
from tenfold_hub.identity.people import NewPerson
from tenfold_hub.identity.references import (
    Image,
    Reference,
    References,
    Rule,
    Table,
    furthest,
    largest,
    newest,
    smallest,
    survivor,
    total,
    union,
)
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal

__all__ = [
    "Identity",
    "Image",
    "KnownPerson",
    "NewPerson",
    "Reference",
    "References",
    "Rule",
    "Table",
    "email_normal",
    "furthest",
    "hold",
    "largest",
    "newest",
    "of",
    "phone_normal",
    "refers_to_people",
    "resolve",
    "smallest",
    "survivor",
    "total",
    "union",
]


def of(platform: Platform) -> Identity:
    """What identity offers in this hub."""
    found: Identity = platform.services["identity"]
    return found


class Identity(Protocol):
    """People, as a service. Ids may be aliases wherever one is taken."""

    #: Columns of all domains that hold ids of people, and of what is merged with them.
    references: References

    async def get_person(self, organization: uuid.UUID, id: uuid.UUID) -> KnownPerson | None: ...

    async def find_person_by_email(self, organization: uuid.UUID, email: str) -> KnownPerson | None: ...

    async def get_people(
        self, session: Session, ids: Iterable[uuid.UUID]
    ) -> dict[uuid.UUID, KnownPerson]: ...

    async def merge_people(
        self, session: Session, principal: Principal, into: uuid.UUID, ids: Sequence[uuid.UUID]
    ) -> uuid.UUID:
        """The survivor, which is `into` or who that stands for. Raises Problem."""
        ...

    async def hold_by_email(self, session: Session, emails: Iterable[str]) -> dict[str, uuid.UUID]:
        """Of addresses in their normal form, whose they are. Until the transaction ends nobody else who asks
        this way is told that an address is nobody's.
        """
        ...
