"""Members are kept in the transaction that changes something: of the things that changed, in the segments
that mention what changed, and in those that are made of these.

What is asked is the state of a thing under its lock, and not what one writer knows of it: of two writers that
change a contact and its person at once, the second one sees both.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from tenfold.runtime import Session
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.journal import Change, Event, Journal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Follow, Records
from tenfold_hub.segments import repository
from tenfold_hub.segments.catalog import Catalog, Known, Segments
from tenfold_hub.segments.repository import Pair
from tenfold_hub.segments.rules import PERSON, TAG, Facts
from tenfold_hub.segments.segments import SEGMENTS

#: The tags of things, of those that have some.
Tags: TypeAlias = Callable[
    [Session, Collection[uuid.UUID]], Awaitable[Mapping[uuid.UUID, Collection[uuid.UUID]]]
]
#: Of each thing, the segments whose rules it may have crossed.
Roots: TypeAlias = Mapping[uuid.UUID, frozenset[uuid.UUID]]

ENTERED, LEFT = "segment.entered", "segment.left"


class Keeper:
    """Of one hub. `clock` says what is now for conditions on the time that has passed."""

    def __init__(
        self,
        catalog: Catalog,
        records: Mapping[str, Records],
        journal: Journal,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.catalog, self._records, self._journal, self.clock = catalog, records, journal, clock
        #: What finds tags, where a domain keeps them.
        self.tags: Tags | None = None

    # --- what changed --------------------------------------------------------------------------------

    def follow(self, resource: str) -> Follow:
        """Keeps the members of segments of this resource; of those of contacts, too, where people change."""

        async def follow(session: Session, _: Principal, changes: Sequence[Change]) -> None:
            if not changes:
                return
            segments = await self.catalog.held(session)
            if not segments.by_id:
                return
            quiet = {each.id for each in changes if each.details.get("automation") is False}
            roots = _roots(segments, resource, changes)
            new = any(each.before is None for each in changes)
            await self.keep(session, segments, resource, roots, quiet=quiet, new=new)
            if resource == "people":
                await self._of_people(session, segments, changes, quiet)

        return follow

    async def _of_people(
        self, session: Session, segments: Segments, changes: Sequence[Change], quiet: Collection[uuid.UUID]
    ) -> None:
        """One statement to find and hold the contacts, and those of `keep`."""
        concerned: dict[uuid.UUID, frozenset[uuid.UUID]] = {}
        for change in changes:
            names = [PERSON] if _is_whole(change) else [f"{PERSON}{name}" for name in _names(change)]
            if roots := segments.mentioning("contacts", names):
                concerned[change.id] = roots
        if concerned:
            held = await self._records["contacts"].rows.lock_by(session, "person_id", concerned)
            roots_of = {id: concerned[row["person_id"]] for id, row in held.items()}
            silent = {id for id, row in held.items() if row["person_id"] in quiet}
            await self.keep(session, segments, "contacts", roots_of, quiet=silent, held=held)

    async def touched(
        self, session: Session, resource: str, objects: Iterable[uuid.UUID], names: Collection[str]
    ) -> None:
        """For what is told by no change of the thing itself, such as tags. Called after it was written."""
        if resource not in self._records:
            return
        held = await self._records[resource].rows.lock(session, objects)
        segments = await self.catalog.held(session)
        roots = segments.mentioning(resource, names)
        await self.keep(session, segments, resource, dict.fromkeys(held, roots), held=held)

    # --- what becomes of it --------------------------------------------------------------------------

    async def keep(
        self,
        session: Session,
        segments: Segments,
        resource: str,
        roots: Roots,
        *,
        quiet: Collection[uuid.UUID] = (),
        told: bool = True,
        new: bool = False,
        held: Mapping[uuid.UUID, Mapping[str, Any]] | None = None,
    ) -> None:
        """Eight statements at most. The things are held already, or are with the first of them.

        Who changes a person looks for its contact, and does not see one that is being made; so whoever makes
        `new` ones holds their people.
        """
        roots = {id: each for id, each in roots.items() if each}
        if not roots:
            return
        plans = {each: segments.concerned(each) for each in set(roots.values())}
        asked = {known.id: known for plan in plans.values() for known in plan}
        if held is None:
            held = await self._records[resource].rows.lock(session, roots)
        facts = await self._facts(session, resource, held, roots, list(asked.values()), new)
        wanted = asked.keys() | {used for known in asked.values() for used in known.uses}
        members = await repository.memberships(session, list(roots), wanted)
        for segment, object in members:
            if object in facts:
                facts[object].members.add(segment)
        left: list[Pair] = [pair for pair in members if pair[1] not in facts and pair[0] in asked]
        entered: list[Pair] = []
        gone: list[Pair] = []
        due: list[tuple[uuid.UUID, uuid.UUID, datetime.datetime]] = []
        for object, own in roots.items():
            found = facts.get(object)
            for known in plans[own]:
                at = None if found is None else _asked(known, object, found, left, entered)
                if known.rule is not None and known.rule.turns:
                    if at is None:
                        gone.append((known.id, object))
                    else:
                        due.append((known.id, object, at))
        if left or entered:
            await repository.move(session, left, entered)
        if gone or due:
            await repository.dues(session, gone, due)
        if told:
            await self._tell(session, resource, left, entered, quiet)

    async def _facts(
        self,
        session: Session,
        resource: str,
        held: Mapping[uuid.UUID, Mapping[str, Any]],
        roots: Roots,
        asked: Sequence[Known],
        new: bool,
    ) -> dict[uuid.UUID, Facts]:
        """Of those that are there and live."""
        now = self.clock()
        facts = {
            id: Facts(row, now) for id, row in held.items() if id in roots and row["archived_at"] is None
        }
        mentions = {name for known in asked if known.rule for name in known.rule.mentions}
        if facts and any(name.startswith(PERSON) for name in mentions):
            rows = self._records["people"].rows
            ids = {each.row["person_id"] for each in facts.values()}
            if new:
                values = await rows.lock(session, ids)
            else:
                values = {id: rows.values(row) for id, row in (await rows.get(session, list(ids))).items()}
            for each in facts.values():
                each.person = values.get(each.row["person_id"])
        if facts and self.tags is not None and TAG in mentions:
            for id, tags in (await self.tags(session, list(facts))).items():
                facts[id].tags = frozenset(tags)
        if facts and any(known.rule is None for known in asked):
            for id, picked in (await repository.picks(session, list(facts))).items():
                facts[id].picked = picked
        return facts

    async def _tell(
        self,
        session: Session,
        resource: str,
        left: Sequence[Pair],
        entered: Sequence[Pair],
        quiet: Collection[uuid.UUID],
    ) -> None:
        """One event for each thing, with the segments that it entered, and one with those that it left."""
        prefix = self._records[resource].resource.prefix
        names = {
            segment: shown(SEGMENTS.prefix, segment) for segment in {pair[0] for pair in (*left, *entered)}
        }
        events = []
        for topic, pairs in ((LEFT, left), (ENTERED, entered)):
            moved: dict[uuid.UUID, list[str]] = {}
            for segment, object in pairs:
                moved.setdefault(object, []).append(names[segment])
            for object, segments in moved.items():
                id = shown(prefix, object)
                payload: dict[str, Any] = {"id": id, "segment_ids": segments}
                if object in quiet:
                    payload["automation"] = False
                events.append(Event(topic, id, payload))
        await self._journal.publish(session, events)


def _asked(
    known: Known,
    object: uuid.UUID,
    facts: Facts,
    left: list[Pair],
    entered: list[Pair],
) -> datetime.datetime | None:
    """Moves the thing in or out, where it has to; when it is to be asked again though nothing changes."""
    holds, held = known.holds(facts), known.id in facts.members
    if holds and not held:
        entered.append((known.id, object))
        facts.members.add(known.id)
    elif held and not holds:
        left.append((known.id, object))
        facts.members.discard(known.id)
    return known.rule.due(facts) if known.rule is not None and known.rule.turns else None


def _roots(segments: Segments, resource: str, changes: Sequence[Change]) -> Roots:
    everything = frozenset(segments.all_of(resource))
    found: dict[uuid.UUID, frozenset[uuid.UUID]] = {}
    by_names: dict[tuple[str, ...], frozenset[uuid.UUID]] = {}
    for change in changes:
        if _is_whole(change):
            roots = everything
        else:
            names = tuple(_names(change))
            if names not in by_names:
                by_names[names] = segments.mentioning(resource, names)
            roots = by_names[names]
        found[change.id] = found.get(change.id, frozenset()) | roots
    return found


def _is_whole(change: Change) -> bool:
    """It came, went, or stands for others from now on: whatever is asked of it may have changed."""
    if change.before is None or change.after is None or change.action in ("merged", "unmerged"):
        return True
    return "archived_at" in change.fields


def _names(change: Change) -> list[str]:
    """Of the fields that differ, as rules name them."""
    names = list(change.fields)
    if "custom" in names:
        before, after = (change.before or {}).get("custom") or {}, (change.after or {}).get("custom") or {}
        keys = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        names += sorted(f"{PREFIX}{key}" for key in keys)
    return names
