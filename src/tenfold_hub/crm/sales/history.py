"""What became of deals: the contacts they have, and each stage with the time that they were in it."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.crm.activities.timeline import Event, Timeline
from tenfold_hub.crm.beside import beside
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import id_at
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import shower

_MOVED = """
INSERT INTO crm.deal_moves (organization_id, deal_id, at, id, from_stage_id, stage_id, seconds)
SELECT $1, m.*
  FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[]) AS m
"""
_ADD = """
INSERT INTO crm.deal_contacts (organization_id, deal_id, contact_id)
SELECT $1, n.* FROM unnest($2::uuid[], $3::uuid[]) AS n ON CONFLICT DO NOTHING RETURNING contact_id
"""
_REMOVE = """
DELETE FROM crm.deal_contacts WHERE organization_id = $1 AND deal_id = $2 AND contact_id = ANY($3::uuid[])
RETURNING contact_id
"""
_COUNT = "SELECT count(*) FROM crm.deal_contacts WHERE organization_id = $1 AND deal_id = $2"
_KNOWN = "SELECT id FROM crm.contacts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_CONTACTS = """
SELECT d.deal_id, d.contact_id FROM crm.deal_contacts AS d
 WHERE d.organization_id = $1 AND d.deal_id = ANY($2::uuid[]) ORDER BY d.added_at, d.contact_id
"""
MOVES = """
SELECT at, id, from_stage_id, stage_id, seconds FROM crm.deal_moves
 WHERE organization_id = $1 AND deal_id = $2
"""


class History:
    """Follows the writes of deals."""

    def __init__(self, deals: Records, contacts: Records, timeline: Timeline) -> None:
        self._contacts, self._timeline = contacts, timeline
        self._show = shower(contacts.resource)
        deals.prepare.append(self._named)
        deals.follow += [self._joined, self._moved]

    async def _named(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        """Contacts that new deals name are there, in this organization."""
        named = {draft.values["id"]: draft for draft in drafts if draft.values.get("contact_ids")}
        wanted: dict[uuid.UUID, list[uuid.UUID]] = {}
        for id, draft in named.items():
            try:
                wanted[id] = [id_at("/contact_ids", "con", text) for text in draft.values["contact_ids"]]
            except Problem as problem:
                draft.problem = problem
        if not wanted:
            return
        known = await self._known(session, {each for contacts in wanted.values() for each in contacts})
        for id, contacts in wanted.items():
            if not known.issuperset(contacts):
                named[id].problem = invalid("/contact_ids", "unknown", "there is no such contact")
            named[id].values["contact_ids"] = contacts

    async def _joined(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        pairs = [(change.id, each) for change in changes for each in beside(change, "contact_ids") or ()]
        await self._add(session, pairs)

    async def _moved(self, session: Session, principal: Principal, changes: Sequence[Change]) -> None:
        moved = [
            (change, change.after, (change.before or {}).get("stage_id"))
            for change in changes
            if change.after is not None and (change.before or {}).get("stage_id") != change.after["stage_id"]
        ]
        if not moved:
            return
        new = [ids.new_id() for _ in moved]
        entered = [after["stage_entered_at"] for _, after, _ in moved]
        seconds = [
            None if change.before is None else int((at - change.before["stage_entered_at"]).total_seconds())
            for (change, _, _), at in zip(moved, entered, strict=True)
        ]
        await session.execute(
            _MOVED,
            session.tenant,
            [change.id for change, _, _ in moved],
            entered,
            new,
            [was for _, _, was in moved],
            [after["stage_id"] for _, after, _ in moved],
            seconds,
        )
        contacts = await self._of(session, [change.id for change, _, _ in moved])
        await self._timeline.add(
            session,
            [
                Event(
                    at=at,
                    kind="deal_stage",
                    source=ids.shown("dea", change.id),
                    source_id=id,
                    about=(change.id, after.get("company_id")),
                    contacts=tuple(contacts.get(change.id, ())),
                    summary={
                        "name": after["name"],
                        "stage_id": ids.shown("stg", after["stage_id"]),
                        "from_stage_id": None if was is None else ids.shown("stg", was),
                        "status": after["status"],
                        "amount_minor": after.get("amount_minor"),
                        "currency": after.get("currency"),
                    },
                )
                for (change, after, was), at, id in zip(moved, entered, new, strict=True)
            ],
        )

    # --- contacts ------------------------------------------------------------------------------------

    async def change(
        self,
        session: Session,
        deal: Values,
        add: Sequence[uuid.UUID],
        remove: Sequence[uuid.UUID],
        most: int,
    ) -> None:
        """Of a deal that is held. Raises Problem for contacts that are not there, or too many."""
        if not (await self._known(session, add)).issuperset(add):
            raise invalid("/add", "unknown", "there is no such contact")
        gone = await session.fetch(_REMOVE, session.tenant, deal["id"], list(remove)) if remove else ()
        new = await self._add(session, [(deal["id"], each) for each in add])
        if await session.fetch_value(_COUNT, session.tenant, deal["id"]) > most:
            raise Problem("limit_reached", f"a deal has at most {most} contacts")
        removed = {row["contact_id"] for row in gone}
        told = {"deal_joined": new - removed, "deal_left": removed - new}
        await self._timeline.add(
            session,
            [
                Event(
                    at=datetime.datetime.now(datetime.UTC),
                    kind=kind,
                    source=ids.shown("dea", deal["id"]),
                    source_id=ids.new_id(),
                    contacts=tuple(contacts),
                    summary={"name": deal["name"], "status": deal["status"]},
                )
                for kind, contacts in told.items()
                if contacts
            ],
        )

    async def shown(self, session: Session, rows: Sequence[Any]) -> Sequence[list[dict[str, Any]]]:
        """For `expand=contacts`."""
        of = await self._of(session, [row["id"] for row in rows])
        wanted = {each for contacts in of.values() for each in contacts}
        found = await self._contacts.get_many(session, list(wanted))
        fields = self._contacts.resource.fields
        shown = {id: self._show(row, fields) for id, row in found.items()}
        await self._contacts.reveal(session, list(shown.values()))
        return [[shown[each] for each in of.get(row["id"], ()) if each in shown] for row in rows]

    async def _add(self, session: Session, pairs: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> set[uuid.UUID]:
        """The contacts that joined: others had before."""
        if not pairs:
            return set()
        columns = [deal for deal, _ in pairs], [contact for _, contact in pairs]
        return {row["contact_id"] for row in await session.fetch(_ADD, session.tenant, *columns)}

    async def _of(
        self, session: Session, deals: Sequence[uuid.UUID]
    ) -> Mapping[uuid.UUID, Sequence[uuid.UUID]]:
        found: dict[uuid.UUID, list[uuid.UUID]] = {}
        for row in await session.fetch(_CONTACTS, session.tenant, list(deals)):
            found.setdefault(row["deal_id"], []).append(row["contact_id"])
        return found

    async def _known(self, session: Session, contacts: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        rows = await session.fetch(_KNOWN, session.tenant, list(contacts))
        return {row["id"] for row in rows}
