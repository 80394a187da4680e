"""Who people are in other systems: any number of ids each, `shopify/7781`, `ldap/jane`."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tenfold.runtime import Session
from tenfold_hub.kit.keys import hold_keys
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import EQUAL, RANGE, Filter, Nothing, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values

Source = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,62}$")]
External = Annotated[str, Meta(min_length=1, max_length=200)]


class ExternalIdentity(Thing, kw_only=True):
    person_id: str
    source: str
    external_id: str


class NewExternalIdentity(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    person_id: str
    source: Source
    external_id: External


#: An identity is what it is: archive it, and make another.
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

_FIND = """
SELECT e.* FROM unnest($3::text[]) AS k (key) CROSS JOIN LATERAL (
    SELECT external_id, person_id FROM identity.external_identities
     WHERE organization_id = $1 AND source = $2 AND external_id = k.key AND archived_at IS NULL OFFSET 0) AS e
"""


def known_by(identities: Records, source: str) -> ExternalKey:
    """People, by their ids in this system. Raises Problem for what can be no name of one."""
    try:
        return ExternalKey(msgspec.convert(source, Source), identities)
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", f"source: {error}") from None


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """For `tenfold_hub.kit.keys`."""

    source: str
    identities: Records

    def read(self, given: object) -> Hashable:
        try:
            key = msgspec.convert(given, External)
        except msgspec.ValidationError as error:
            raise Problem("invalid_request", f"external_id: {error}") from None
        if "\0" in key:
            raise Problem("invalid_request", "external_id: it has the character NUL in it")
        return key

    def into(self, given: object, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values)

    async def hold(
        self, session: Session, keys: Collection[Hashable]
    ) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        await hold_keys(session, "people", f"external:{self.source}", keys)
        rows = await session.fetch(_FIND, session.tenant, self.source, list(keys))
        return {row["external_id"]: [row["person_id"]] for row in rows}

    async def made(
        self, session: Session, principal: Principal, made: Sequence[tuple[Hashable, Values]]
    ) -> None:
        identities: list[Values] = [
            {"person_id": values["id"], "source": self.source, "external_id": key} for key, values in made
        ]
        await self.identities.create(session, principal, identities)
