"""Members are kept in the transaction that changes something: of the things that changed, in the segments
that mention what changed, and in those that are made of these.

What is asked is the state of a thing under its lock, and not what one writer knows of it: of two writers that
change a contact and its person at once, the second one sees both.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from tenfold.runtime import Session
from tenfold_hub.crm.api import Occurrences
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.journal import Change, Event, Journal
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Follow, Records
from tenfold_hub.segments import repository
from tenfold_hub.segments.asking import PERSON, TAG, Facts
from tenfold_hub.segments.catalog import Catalog, Known, Segments
from tenfold_hub.segments.repository import Dues, Moves
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
        #: What finds tags and activities, where a domain keeps them.
        self.tags: Tags | None = None
        self.occurrences: Occurrences | None = None

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
        self, session: Session, resource: str, names: Mapping[uuid.UUID, Collection[str]]
    ) -> None:
        """For what is told by no change of the thing itself, such as tags: of each thing, the names of what
        changed. Called after it was written. One statement where no rule asks for that.
        """
        segments = await self.catalog.held(session)
        found = {frozenset(each): frozenset[uuid.UUID]() for each in names.values()}
        for each in found:
            found[each] = segments.mentioning(resource, each)
        roots = {id: asking for id, each in names.items() if (asking := found[frozenset(each)])}
        await self.keep(session, segments, resource, roots)

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
        wanted = list(asked.keys() | {used for known in asked.values() for used in known.uses})
        members = await repository.memberships(session, list(roots), wanted)
        moves, dues = Moves(), Dues()
        for object, own in roots.items():
            found, is_in = facts.get(object), members.get(object, set())
            if found is not None:
                # Those that are made of others are asked after them.
                found.members = is_in
            left, entered = moves.of(object)
            for known in plans[own]:
                holds = found is not None and known.holds(found)
                if holds and known.id not in is_in:
                    entered.append(known.id)
                    is_in.add(known.id)
                elif not holds and known.id in is_in:
                    left.append(known.id)
                    is_in.discard(known.id)
                if known.rule is not None and known.rule.turns:
                    dues.add(known.id, object, None if found is None else known.rule.due(found))
        await repository.move(session, moves)
        await repository.dues(session, dues)
        if told:
            await self._tell(session, resource, moves, quiet)

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
        if not facts:
            return facts
        rules = [known.rule for known in asked if known.rule is not None]
        mentions = {name for rule in rules for name in rule.mentions}
        if any(name.startswith(PERSON) for name in mentions):
            rows = self._records["people"].rows
            ids = {each.row["person_id"] for each in facts.values()}
            if new:
                values = await rows.lock(session, ids)
            else:
                values = {id: rows.values(row) for id, row in (await rows.get(session, list(ids))).items()}
            for each in facts.values():
                each.person = values.get(each.row["person_id"])
        if self.tags is not None and TAG in mentions:
            for id, tags in (await self.tags(session, list(facts))).items():
                facts[id].tags = frozenset(tags)
        activities = [each for rule in rules for each in rule.activities]
        if self.occurrences is not None and activities:
            every = self.occurrences.kinds
            kinds = {kind for each in activities for kind in (every if each.kinds is None else each.kinds)}
            most = max(each.at_least for each in activities)
            times = await self.occurrences.times(session, resource, facts, kinds, now, most)
            for id, by_kind in times.items():
                facts[id].activities = by_kind
        if len(rules) < len(asked):
            for id, picked in (await repository.picks(session, list(facts))).items():
                facts[id].picked = picked
        return facts

    async def _tell(
        self, session: Session, resource: str, moves: Moves, quiet: Collection[uuid.UUID]
    ) -> None:
        """One event for each thing, with the segments that it entered, and one with those that it left."""
        prefix = self._records[resource].resource.prefix
        names: dict[uuid.UUID, str] = {}
        events = []
        for topic, moved in ((LEFT, moves.left), (ENTERED, moves.entered)):
            for object, segments in moved.items():
                if not segments:
                    continue
                for each in segments:
                    if each not in names:
                        names[each] = shown(SEGMENTS.prefix, each)
                id = shown(prefix, object)
                payload: dict[str, Any] = {"id": id, "segment_ids": [names[each] for each in segments]}
                if object in quiet:
                    payload["automation"] = False
                events.append(Event(topic, id, payload))
        self._journal.publish(session, events)


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
        found[change.id] = found[change.id] | roots if change.id in found else roots
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
