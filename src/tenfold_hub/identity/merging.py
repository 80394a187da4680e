"""Merging people: one stays and has what all of them had, in every domain; the others' ids stand for it.

Rows are held in the order of their ids. Who finds, after waiting, that a person was merged meanwhile lets go
of all that it holds and begins anew with the survivor: so merges of overlapping sets come one after another,
and no two wait for each other.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.identity.aliases import resolve
from tenfold_hub.identity.ledger import Ledger, image
from tenfold_hub.identity.references import (
    Image,
    Reference,
    References,
    Rule,
    Table,
    changed_last,
    live,
    newest,
    survivor,
)
from tenfold_hub.kit.ids import new_id, shown
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid, not_found
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.rows import Values

#: People that one merge may bring into another.
MOST = 20
#: Merges that may overtake this one while it waits for its rows.
_TRIES = 50

_HOLD = """
SELECT to_jsonb(p) AS image FROM identity.people AS p
 WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[]) ORDER BY p.id FOR UPDATE
"""
_LAST = """
SELECT merge_id FROM identity.person_aliases
 WHERE organization_id = $1 AND alias_id = ANY($2::uuid[]) ORDER BY merge_id DESC LIMIT 1
"""


class _Overtaken(Exception):
    """A person that was to be held was merged meanwhile."""


@dataclass(slots=True)
class Work:
    """One merge, or the undoing of one, on its way: what it changed, by resource."""

    ledger: Ledger
    changes: dict[str, tuple[Records, list[Change]]] = field(default_factory=dict)

    def changed(self, records: Records, *changes: Change) -> None:
        self.changes.setdefault(records.resource.name, (records, []))[1].extend(changes)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that become one."""

    keeper: Image
    others: Sequence[Image]


class Merging:
    """A merge can be undone for `undo_days`."""

    def __init__(
        self, people: Table, aliases: Table, merges: Records, references: References, undo_days: int
    ) -> None:
        self._people, self._aliases, self._merges = people, aliases, merges
        self._references, self._undo_for = references, datetime.timedelta(days=undo_days)

    async def merge(
        self,
        session: Session,
        principal: Principal,
        into: uuid.UUID,
        ids: Sequence[uuid.UUID],
        choices: Mapping[str, str | uuid.UUID],
    ) -> tuple[uuid.UUID, uuid.UUID | None]:
        """The survivor, and the merge; of people who are one already, the merge that made them so.

        `choices` says by field which value stays: "newest", "survivor", or that of one of the people. Raises
        Problem: `not_found` for an id of nobody.
        """
        if not 1 <= len(ids) <= MOST:
            raise invalid("/ids", "too_many", f"from 1 to {MOST} people are merged into one")
        if into in ids:
            raise invalid(f"/ids/{ids.index(into)}", "same", "nobody is merged with themselves")
        people, held = await self._held(session, [into, *ids])
        keeper = held[people[into]]
        others = [held[id] for id in dict.fromkeys(people[id] for id in ids) if held[id] is not keeper]
        if not others:
            return people[into], await session.fetch_value(_LAST, session.tenant, list(people))
        begun = await self._begun(session, principal, keeper, others)
        merge: uuid.UUID = begun["id"]
        work = Work(Ledger(session, merge, begun["undo_until"]))
        rules = self._rules(choices, people, [keeper, *others])
        await self._absorb(work, self._people, [Group(keeper, changed_last(others))], rules)
        await work.ledger.add(
            self._aliases,
            [
                {
                    "organization_id": str(session.tenant),
                    "alias_id": each["id"],
                    "person_id": keeper["id"],
                    "merge_id": str(merge),
                }
                for each in others
            ],
        )
        await tell(session, principal, work)
        return people[into], merge

    # --- who -----------------------------------------------------------------------------------------

    async def _held(
        self, session: Session, ids: Sequence[uuid.UUID]
    ) -> tuple[dict[uuid.UUID, uuid.UUID], dict[uuid.UUID, Image]]:
        """Whom each id stands for, and these people's rows, which nobody else changes or refers to now."""
        for _ in range(_TRIES):
            people = dict(await resolve(session, ids))
            if len(people) < len(set(ids)):
                raise not_found("person")
            try:
                async with session.savepoint():
                    rows = await session.fetch(_HOLD, session.tenant, sorted(set(people.values())))
                    # What an id stands for changes only under the lock of who it stands for.
                    if await resolve(session, ids) != people:
                        raise _Overtaken
            except _Overtaken:
                continue
            images = [image(row["image"]) for row in rows]
            return people, {uuid.UUID(each["id"]): each for each in images}
        raise Problem("conflict", "others merge these people at this moment; try again")

    async def _begun(
        self, session: Session, principal: Principal, keeper: Image, others: Sequence[Image]
    ) -> Values:
        now = datetime.datetime.now(datetime.UTC)
        values: Values = {
            "id": new_id(),
            "version": 1,
            "created_at": now,
            "updated_at": now,
            "survivor_id": uuid.UUID(keeper["id"]),
            "merged_ids": [shown("per", uuid.UUID(each["id"])) for each in others],
            "undo_until": now + self._undo_for,
        }
        await self._merges.rows.insert(session, [values])
        change = Change("created", values["id"], None, values)
        await self._merges.tell(session, principal, [change])
        return values

    def _rules(
        self,
        choices: Mapping[str, str | uuid.UUID],
        people: Mapping[uuid.UUID, uuid.UUID],
        rows: Sequence[Image],
    ) -> Mapping[str, Rule]:
        rules = dict(self._people.rules)
        for name, choice in choices.items():
            if isinstance(choice, uuid.UUID):
                chosen = str(people.get(choice))
                if all(row["id"] != chosen for row in rows):
                    raise invalid(f"/fields/{name}", "unknown", "this is none of the people to be merged")
                rule = _of(chosen)
            else:
                rule = {"newest": newest, "survivor": survivor}[choice]
            # E-mail and phone have a copy that they are found by.
            for column in (name, f"{name}_normal"):
                if column in rules:
                    rules[column] = rule
        return rules

    # --- what ----------------------------------------------------------------------------------------

    async def _absorb(
        self, work: Work, table: Table, groups: Sequence[Group], rules: Mapping[str, Rule]
    ) -> None:
        """What refers to the rows that go refers to those that stay; then they go."""
        pairs = [(group.keeper, _combined(table, group, rules)) for group in groups]
        gone = [row for group in groups for row in group.others]
        if table.records is not None:
            ids = {
                uuid.UUID(row["id"]): uuid.UUID(group.keeper["id"])
                for group in groups
                for row in group.others
            }
            for reference in self._references.of(table.records.resource.name):
                await self._follow(work, reference, ids)
        await work.ledger.remove(table, gone)
        await work.ledger.change(table, pairs)
        if table.records is not None:
            work.changed(table.records, *_changes(table.records.resource, groups, pairs, work.ledger.merge))

    async def _follow(self, work: Work, reference: Reference, ids: Mapping[uuid.UUID, uuid.UUID]) -> None:
        if reference.unique is not None:
            rows = await work.ledger.rows(reference, [*ids, *set(ids.values())])
            groups = _doubles(reference, rows, ids)
            if groups:
                await self._absorb(work, reference.table, groups, reference.table.rules)
        await work.ledger.move(reference, ids)


def _doubles(reference: Reference, rows: Iterable[Image], ids: Mapping[uuid.UUID, uuid.UUID]) -> list[Group]:
    """Rows that would be the same once they refer to the survivor; its own is the one that stays."""
    texts = {str(id): str(other) for id, other in ids.items()}
    found: dict[tuple[Any, ...], list[Image]] = {}
    for row in rows:
        place = tuple(repr(row[name]) for name in reference.unique or ())
        found.setdefault((texts.get(row[reference.column], row[reference.column]), *place), []).append(row)
    groups = []
    for same in found.values():
        if len(same) > 1:
            own = [row for row in same if row[reference.column] not in texts]
            keeper = own[0] if own else same[0]
            groups.append(Group(keeper, changed_last([row for row in same if row is not keeper])))
    return groups


def _combined(table: Table, group: Group, rules: Mapping[str, Rule]) -> Image:
    rows = [group.keeper, *group.others]
    after = group.keeper | {name: rule(name, rows) for name, rule in rules.items()}
    if table.versioned:
        # Above all of them: an ETag that somebody holds of one that went is none of the survivor's.
        after["version"] = max(row["version"] for row in rows) + 1
        after["updated_at"] = datetime.datetime.now(datetime.UTC).isoformat()
        if "archived_at" in after:
            after["archived_at"] = live("archived_at", rows)
    return after


def _changes(
    resource: Resource,
    groups: Sequence[Group],
    pairs: Sequence[tuple[Image, Image]],
    merge: uuid.UUID,
) -> list[Change]:
    """Of all that went and of all that stay. No automation is to begin because of them."""
    details = {"automation": False, "merge_id": shown("mrg", merge)}
    changes = []
    for group, (before, after) in zip(groups, pairs, strict=True):
        into = shown(resource.prefix, uuid.UUID(after["id"]))
        for row in group.others:
            old = values_of(resource, row)
            changes.append(Change("merged", old["id"], old, None, details | {"merged_into": into}))
        merged = [shown(resource.prefix, uuid.UUID(row["id"])) for row in group.others]
        first, then = values_of(resource, before), values_of(resource, after)
        changes.append(Change("merged", then["id"], first, then, details | {"merged": merged}))
    return changes


def values_of(resource: Resource, row: Image) -> Values:
    """A row that came as JSON, as a statement of its columns gives it."""
    values: Values = {}
    for name, type_ in resource.types.items():
        value = row.get(name)
        turn = _TURNED.get(type_)
        values[name] = turn(value) if turn is not None and value is not None else value
    return values


_TURNED: dict[str, Callable[[Any], Any]] = {
    "uuid": uuid.UUID,
    "timestamptz": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
}


async def tell(session: Session, principal: Principal, work: Work) -> None:
    """Whoever follows the writes of what was merged, in this domain or another; and the audit log."""
    for records, changes in work.changes.values():
        await records.tell(session, principal, changes)


def _of(id: str) -> Rule:
    def rule(column: str, rows: Sequence[Image]) -> Any:
        return next(row[column] for row in rows if row["id"] == id)

    return rule
