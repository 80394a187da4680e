"""Who people are in other systems: any number of ids each, `shopify/7781`, `ldap/jane`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.identity.people import NewPerson
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.records import Outcome, Patch, Records
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Resource, Sort
from tenfold_hub.kit.rows import Values

Source = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,62}$")]
External = Annotated[str, Meta(min_length=1, max_length=200)]


class ExternalIdentity(msgspec.Struct, kw_only=True):
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    person_id: str
    source: str
    external_id: str


class NewExternalIdentity(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    person_id: str
    source: Source
    external_id: External


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An identity is what it is: archive it, and make another."""


IDENTITIES = Resource(
    name="external-identities",
    singular="external identity",
    prefix="xid",
    schema="identity",
    table="external_identities",
    columns={"person_id": "uuid", "source": "text", "external_id": "text"},
    shown=ExternalIdentity,
    new=NewExternalIdentity,
    patch=Nothing,
    refs={"person_id": "per"},
    filters={
        "person_id": Filter(operators=EQUAL),
        "source": Filter(operators=EQUAL),
        "created_at": Filter(operators=RANGE),
    },
    sorts={"created_at": Sort()},
    expands={"person": "people"},
    constraints={
        "external_identities_key": Fault("/external_id", "taken", "somebody has this identity already"),
        "external_identities_person_fkey": Fault("/person_id", "unknown", "there is no such person"),
    },
    writes=frozenset({"create", "archive", "restore"}),
    read_scope="people:read",
    write_scope="people:write",
)

#: What a person is made of where nothing is said of it.
DEFAULTS: Values = msgspec.structs.asdict(NewPerson())

# In the order of the hashes, so that two batches of the same identities wait for each other in turn. Who
# comes second finds the person that the first made, and makes no other.
_LOCK = """
SELECT pg_advisory_xact_lock(h.hash)
  FROM (SELECT DISTINCT hashtextextended(concat_ws(chr(31), $1::uuid, i.source, i.external_id), 7302) AS hash
          FROM unnest($2::text[], $3::text[]) AS i (source, external_id) ORDER BY 1) AS h
"""
_FIND = """
SELECT e.source, e.external_id, e.person_id
  FROM unnest($2::text[], $3::text[]) AS i (source, external_id)
  JOIN identity.external_identities AS e
    ON e.organization_id = $1 AND e.source = i.source AND e.external_id = i.external_id
 WHERE e.organization_id = $1 AND e.archived_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A person as another system knows them."""

    source: str
    external_id: str
    values: Values


class ExternalPeople:
    """Creates or changes people by their ids in other systems."""

    def __init__(self, people: Records, identities: Records) -> None:
        self._people, self._identities = people, identities

    async def upsert(
        self, session: Session, principal: Principal, items: Sequence[Known], *, atomic: bool = True
    ) -> list[tuple[Outcome, bool]]:
        """Each with whether it was created. The same few statements for any number of them.

        An identity that comes twice in `items` is refused the second time, as the first is not written yet.
        """
        places = [item.source for item in items], [item.external_id for item in items]
        await session.execute(_LOCK, session.tenant, *places)
        rows = await session.fetch(_FIND, session.tenant, *places)
        found: dict[tuple[str, str], uuid.UUID] = {
            (row["source"], row["external_id"]): row["person_id"] for row in rows
        }
        known = [(place, found.get((item.source, item.external_id))) for place, item in enumerate(items)]
        old = [(place, person) for place, person in known if person is not None]
        new = [place for place, person in known if person is None]
        outcomes: dict[int, Outcome] = {}
        if old:
            patches = [Patch(person, items[place].values) for place, person in old]
            changed = await self._people.update(session, principal, patches, atomic=atomic)
            outcomes |= zip((place for place, _ in old), changed, strict=True)
        if new:
            created = await self._people.create(
                session, principal, [DEFAULTS | items[place].values for place in new], atomic=atomic
            )
            outcomes |= zip(new, created, strict=True)
            await self._name(session, principal, [(items[n], outcomes[n]) for n in new])
        return [(outcomes[place], person is None) for place, person in known]

    async def _name(
        self, session: Session, principal: Principal, made: Sequence[tuple[Known, Outcome]]
    ) -> None:
        identities: list[Values] = [
            {"person_id": outcome.values["id"], "source": item.source, "external_id": item.external_id}
            for item, outcome in made
            if outcome.values is not None
        ]
        if identities:
            await self._identities.create(session, principal, identities)
