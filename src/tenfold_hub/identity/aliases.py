"""Ids of people that were merged into others: they stand for the survivor, forever."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from tenfold.runtime import Session
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import invalid
from tenfold_hub.kit.records import Draft, Prepare

# A survivor that is merged later takes its aliases with it: one step always leads to somebody who is there.
# Both tables in one statement: of one moment, in which nobody is neither.
_FIND = """
SELECT id, id AS person_id FROM identity.people WHERE organization_id = $1 AND id = ANY($2::uuid[])
UNION ALL
SELECT alias_id, person_id FROM identity.person_aliases
 WHERE organization_id = $1 AND alias_id = ANY($2::uuid[])
"""
# The lock that a foreign key takes: whoever merges waits for us, and finds what we write.
_HOLD = """
SELECT id FROM identity.people WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR KEY SHARE
"""
#: Merges that may overtake one reader; each try waits for one to commit.
_TRIES = 10


async def resolve(session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
    """The person that each stands for at this moment; nobody's is missing. One statement."""
    if not ids:
        return {}
    rows = await session.fetch(_FIND, session.tenant, list(ids))
    return {row["id"]: row["person_id"] for row in rows}


async def hold(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The living person for each id that stands for one, kept from being merged until the transaction ends.

    One statement where no id is an alias.
    """
    found: dict[uuid.UUID, uuid.UUID] = {}
    missing = {id: id for id in ids}
    for _ in range(_TRIES):
        held = {
            row["id"] for row in await session.fetch(_HOLD, session.tenant, sorted(set(missing.values())))
        }
        found |= {id: person for id, person in missing.items() if person in held}
        missing = dict(await resolve(session, [id for id in missing if id not in found]))
        if not missing:
            break
    return found


def refers_to_people(*fields: str) -> Prepare:
    """A rule for resources whose fields hold ids of people: each becomes the survivor's, or is refused."""

    async def prepare(session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        named = [
            (draft, field)
            for draft in drafts
            for field in fields
            if field in draft.given and draft.values[field] is not None
        ]
        if not named:
            return
        found = await hold(session, {draft.values[field] for draft, field in named})
        for draft, field in named:
            person = found.get(draft.values[field])
            if person is None:
                draft.problem = invalid(f"/{field}", "unknown", "there is no such person")
            else:
                draft.values[field] = person

    return prepare
