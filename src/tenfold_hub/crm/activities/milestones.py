"""What timelines say of people, contacts and leads themselves: made, moved on, become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tenfold.runtime import Session
from tenfold_hub.crm.activities.timeline import Event, Timeline
from tenfold_hub.kit.ids import new_id, shown
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Follow


def follow(timeline: Timeline, event: Callable[[Change], Event | None]) -> Follow:
    """Tells of changes what `event` makes of them: one statement, and one more where contacts are named."""

    async def told(session: Session, _: Principal, changes: Sequence[Change]) -> None:
        await timeline.add(session, [found for change in changes if (found := event(change)) is not None])

    return told


def of_person(change: Change) -> Event | None:
    """A merge, and its undoing, is an event of whoever stays."""
    if change.action not in ("merged", "unmerged") or change.after is None:
        return None
    return Event(
        at=datetime.now(UTC),
        kind=f"person_{change.action}",
        source=str(change.details.get("merge_id") or shown("per", change.id)),
        source_id=new_id(),
        about=(change.id,),
        summary={"merged": change.details.get("merged", [])},
    )


def of_contact(change: Change) -> Event | None:
    after = change.after
    if change.action != "created" or after is None:
        return None
    return Event(
        at=after["created_at"],
        kind="contact_created",
        source=shown("con", change.id),
        source_id=new_id(),
        about=(after["person_id"], after["company_id"]),
        summary={"source": after["source"], "status": after["status"]},
    )


def of_lead(change: Change) -> Event | None:
    """Each status that it had. The last one, `converted`, is an event of the contact that it became, too."""
    before, after = change.before or {}, change.after
    if after is None or before.get("status") == after["status"]:
        return None
    contact = after.get("contact_id")
    return Event(
        at=after["updated_at"],
        kind="lead_status",
        source=shown("lea", change.id),
        source_id=new_id(),
        about=(change.id,),
        contacts=() if contact is None else (contact,),
        summary={
            "name": after["name"],
            "status": after["status"],
            "from_status": before.get("status"),
            "source": after["source"],
        },
    )
