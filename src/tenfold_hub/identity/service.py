"""Identity in the process of whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from tenfold.runtime import Session
from tenfold_hub.identity.known import KnownPeople, KnownPerson
from tenfold_hub.identity.merging import Merging
from tenfold_hub.identity.references import References
from tenfold_hub.kit.principal import Principal


class LocalIdentity:
    """See `api.Identity`."""

    def __init__(self, people: KnownPeople, references: References, merging: Merging) -> None:
        self._people, self.references, self._merging = people, references, merging

    async def get_person(self, organization: uuid.UUID, id: uuid.UUID) -> KnownPerson | None:
        return await self._people.get(organization, id)

    async def find_person_by_email(self, organization: uuid.UUID, email: str) -> KnownPerson | None:
        return await self._people.find_by_email(organization, email)

    async def get_people(self, session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, KnownPerson]:
        return await self._people.get_many(session, ids)

    async def merge_people(
        self, session: Session, principal: Principal, into: uuid.UUID, ids: Sequence[uuid.UUID]
    ) -> uuid.UUID:
        survivor, _ = await self._merging.merge(session, principal, into, ids, {})
        return survivor

    async def hold_by_email(self, session: Session, emails: Iterable[str]) -> dict[str, uuid.UUID]:
        return await self._people.hold_by_email(session, emails)
