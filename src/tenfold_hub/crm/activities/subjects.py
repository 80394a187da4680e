"""What an activity or a note is about: a contact, a company, a deal, a lead, or any other thing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.crm.activities.timeline import Event, Timeline
from tenfold_hub.kit import ids
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, invalid
from tenfold_hub.kit.records import Draft, Follow, Prepare, Records
from tenfold_hub.kit.resource import Filter, SqlType

COLUMNS: dict[str, SqlType] = {
    "contact_id": "uuid",
    "company_id": "uuid",
    "deal_id": "uuid",
    "lead_id": "uuid",
    "about": "text",
}
REFS = {"contact_id": "con", "company_id": "com", "deal_id": "dea", "lead_id": "lea"}
FILTERS = {name: Filter(operators=("eq", "in")) for name in COLUMNS}
EXPANDS = {"contact": "contacts", "company": "companies", "deal": "deals", "lead": "leads"}


def constraints(table: str) -> dict[str, Fault]:
    return {
        f"{table}_{name}_fkey": Fault(f"/{name}_id", "unknown", f"there is no such {name}")
        for name in EXPANDS
    }


def about_something(records: Mapping[str, Records]) -> Prepare:
    """`about` names a thing that is there, of whatever kind; one that has a field of its own goes there."""

    async def prepare(session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        prefixes = {each.resource.prefix: each for each in records.values()}
        fields = {prefix: field for field, prefix in REFS.items()}
        wanted: dict[str, dict[uuid.UUID, list[Draft]]] = {}
        for draft in drafts:
            text = draft.values.get("about")
            if text is None or "about" not in draft.given:
                continue
            prefix = str(text).partition("_")[0]
            try:
                id = ids.read(prefix, text)
            except ids.IdError:
                prefix = ""
            if prefix in fields:
                draft.values |= {fields[prefix]: id, "about": None}
            elif prefix in prefixes:
                wanted.setdefault(prefix, {}).setdefault(id, []).append(draft)
            else:
                draft.problem = _unknown()
        for prefix, named in wanted.items():
            found = await prefixes[prefix].get_many(session, list(named))
            for id in named.keys() - found.keys():
                for draft in named[id]:
                    draft.problem = _unknown()

    return prepare


def on_timeline(
    timeline: Timeline, prefix: str, event: Callable[[Mapping[str, Any]], tuple[str, Any, Mapping[str, Any]]]
) -> Follow:
    """Keeps the timelines of what things are about; `event` says the kind, time and summary of one."""

    async def follow(session: Session, _: Principal, changes: Sequence[Change]) -> None:
        old = [change.id for change in changes if change.action != "created"]
        events = []
        for change in changes:
            after = change.after
            if after is None or after.get("archived_at") is not None:
                continue
            kind, at, summary = event(after)
            contact = after.get("contact_id")
            events.append(
                Event(
                    at=at,
                    kind=kind,
                    source=ids.shown(prefix, change.id),
                    source_id=change.id,
                    about=(
                        after.get("company_id"),
                        after.get("deal_id"),
                        after.get("lead_id"),
                        _other(after),
                    ),
                    contacts=() if contact is None else (contact,),
                    summary=summary,
                )
            )
        await timeline.replace(session, old, events)

    return follow


def _other(values: Mapping[str, Any]) -> uuid.UUID | None:
    about = values.get("about")
    return None if about is None else ids.read(about.partition("_")[0], about)


def _unknown() -> Any:
    return invalid("/about", "unknown", "there is no such thing")
