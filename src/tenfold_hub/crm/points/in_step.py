"""A contact's primary e-mail address and phone number are its person's, whichever of both is changed."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.crm.points.primary import Primary
from tenfold_hub.crm.search.index import Index, Points
from tenfold_hub.identity.api import Identity, email_normal, phone_normal
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Draft, Patch, Records
from tenfold_hub.kit.rows import Values

_NORMAL: dict[str, Callable[[str | None], str | None]] = {"email": email_normal, "phone": phone_normal}

_PEOPLE = """
SELECT id, person_id FROM crm.contacts WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_CONTACTS = """
SELECT id, person_id FROM crm.contacts WHERE organization_id = $1 AND person_id = ANY($2::uuid[])
"""
_OF_PEOPLE = """
SELECT c.person_id AS owner, p.kind, p.value_normal
  FROM crm.contacts AS c
  JOIN crm.contact_points AS p ON p.organization_id = c.organization_id AND p.contact_id = c.id
 WHERE c.organization_id = $1 AND p.organization_id = $1 AND c.person_id = ANY($2::uuid[])
   AND p.kind IN ('email', 'phone') AND p.archived_at IS NULL
"""
_OF_COMPANIES = """
SELECT company_id AS owner, kind, value_normal FROM crm.contact_points
 WHERE organization_id = $1 AND company_id = ANY($2::uuid[])
   AND kind IN ('email', 'phone') AND archived_at IS NULL
"""


class InStep:
    def __init__(
        self, points: Records, primary: Primary, people: Records, identity: Identity, index: Index
    ) -> None:
        self._points, self._primary, self._people = points, primary, people
        self._identity, self._index = identity, index

    async def contacts_written(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """A new contact has the points of its person; a merged one, the primary ones of its own."""
        made = {
            each.id: each.after["person_id"]
            for each in changes
            if each.after is not None and each.action in ("created", "merged", "unmerged")
        }
        await self._take(session, made, new=all(each.action == "created" for each in changes))

    async def people_written(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """Of a person whose address or number changed, the contact has it, too."""
        ids = [
            each.id
            for each in changes
            if each.after is not None and each.action != "created" and {"email", "phone"} & {*each.fields}
        ]
        if ids:
            rows = await session.fetch(_CONTACTS, session.tenant, ids)
            await self._take(session, {row["id"]: row["person_id"] for row in rows})

    async def before_points(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        """Whoever gets a first point of their own has their person's before."""
        ids = list(
            {each.values["contact_id"] for each in drafts if each.values.get("contact_id") is not None}
        )
        if ids:
            rows = await session.fetch(_PEOPLE, session.tenant, ids)
            await self._take(session, {row["id"]: row["person_id"] for row in rows})

    async def points_written(self, session: Session, principal: Principal, changes: Sequence[Change]) -> None:
        """Of a contact whose primary point changed, the person has it, too; and search knows all of them."""
        written = [
            each.after
            for each in changes
            if each.after is not None and each.after["kind"] in _NORMAL and each.action != "merged"
        ]
        contacts = {each["contact_id"] for each in written if each["contact_id"] is not None}
        companies = {each["company_id"] for each in written if each["company_id"] is not None}
        await self._index.refresh(session, "companies", list(companies))
        if not contacts:
            return
        rows = await session.fetch(_PEOPLE, session.tenant, list(contacts))
        person_of = {row["id"]: row["person_id"] for row in rows}
        people = await self._identity.get_people(session, person_of.values())
        primary: dict[tuple[uuid.UUID, str], str] = {}
        for point in await self._primary.all_of(session, contacts):
            if point["is_primary"] and point["kind"] in _NORMAL:
                primary[point["contact_id"], point["kind"]] = point["value"]
        patches = []
        kinds = {(each["contact_id"], each["kind"]) for each in written}
        for contact, person in person_of.items():
            wanted = {kind: primary.get((contact, kind)) for kind in _NORMAL if (contact, kind) in kinds}
            values = {
                kind: value
                for kind, value in wanted.items()
                if _NORMAL[kind](value) != _NORMAL[kind](getattr(people[person], kind))
            }
            if values:
                patches.append(Patch(person, values))
        if patches:
            await self._people.update(session, principal, patches)
        changed = {patch.id for patch in patches}
        await self._index.refresh(session, "people", [id for id in person_of.values() if id not in changed])

    async def _take(
        self, session: Session, contacts: Mapping[uuid.UUID, uuid.UUID], *, new: bool = False
    ) -> None:
        """The contacts' primary points become their people's: what was theirs is changed, or told apart."""
        if not contacts:
            return
        people = await self._identity.get_people(session, contacts.values())
        known = [] if new else await self._primary.all_of(session, set(contacts))
        of: dict[tuple[uuid.UUID, str], list[Values]] = {}
        for row in known:
            of.setdefault((row["contact_id"], row["kind"]), []).append(row)
        changed: dict[uuid.UUID, Values] = {}
        added: list[Values] = []
        for contact, person in contacts.items():
            for kind, normal in _NORMAL.items():
                value = getattr(people[person], kind)
                point = _taken(of.get((contact, kind), []), value, normal(value), changed)
                if point is not None:
                    added.append(point | {"contact_id": contact, "kind": kind})
        if changed:
            for row in changed.values():
                row["version"] += 1
            await self._points.rows.update(session, list(changed.values()))
        if added:
            now = datetime.datetime.now(datetime.UTC)
            common = {"version": 1, "created_at": now, "updated_at": now, "is_primary": True}
            await self._points.rows.insert(session, [{"id": new_id()} | common | each for each in added])

    # --- what search knows ---------------------------------------------------------------------------

    async def of_people(self, session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Points]:
        return _by_owner(await session.fetch(_OF_PEOPLE, session.tenant, list(ids)))

    async def of_companies(self, session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Points]:
        return _by_owner(await session.fetch(_OF_COMPANIES, session.tenant, list(ids)))


def _taken(
    rows: Sequence[Values], value: str | None, normal: str | None, changed: dict[uuid.UUID, Values]
) -> Values | None:
    """Has `rows`, of one kind, agree with the person's value; a point to be added, where none can."""
    same = next((row for row in rows if row["value_normal"] == normal), None)
    primary = next((row for row in rows if row["is_primary"]), None)
    if value is None:
        if primary is not None:
            changed[primary["id"]] = primary
            primary["is_primary"] = False
        return None
    if same is None and primary is None:
        return {"value": value, "value_normal": normal}
    if same is None and primary is not None:
        changed[primary["id"]] = primary
        primary |= {"value": value, "value_normal": normal}
        return None
    for row in rows:
        if row["is_primary"] is not (row is same) or (row is same and row["archived_at"] is not None):
            changed[row["id"]] = row
            row["is_primary"] = row is same
            row["archived_at"] = None if row is same else row["archived_at"]
    return None


def _by_owner(rows: Sequence[Any]) -> dict[uuid.UUID, Points]:
    found: dict[uuid.UUID, tuple[list[str], list[str]]] = {}
    for row in rows:
        emails, phones = found.setdefault(row["owner"], ([], []))
        (emails if row["kind"] == "email" else phones).append(row["value_normal"])
    return dict(found.items())
