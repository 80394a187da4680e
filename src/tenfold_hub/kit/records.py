"""Creating, changing and archiving the things of a resource: many at once at the price of one.

However many items a call has, it sends the same few statements; a single item is a batch of one. Items that
are refused say why, each for itself, and the others are written, unless all or none was asked for.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tenfold.runtime import Row, Session
from tenfold.runtime.paging import Cursors, Page, Query, page
from tenfold_hub.kit.custom import CustomFields, key_of, revealed
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Action, Change, Journal
from tenfold_hub.kit.keys import CustomKey, FieldKey, Key
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid, not_found, problem_of
from tenfold_hub.kit.resource import Resource, Through
from tenfold_hub.kit.rows import Rows, Values
from tenfold_hub.kit.selecting import Listing

#: Things that one batch may write.
MOST_ITEMS = 1_000
COUNT_UP_TO = 1_000

#: Merges that may overtake one reader, each between two of its statements.
_TRIES = 10

#: A violated key, check or reference: SQLSTATE class 23. 42501 is a row of another organization.
_OF_A_ROW = "23"
#: What cannot be a value of its type.
_OF_A_VALUE = "22"


@dataclass(frozen=True, slots=True)
class Patch:
    """What is to change of one thing; with `version`, only if it still has it."""

    id: uuid.UUID
    values: Values
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one item: the thing as it is now, or why it was refused."""

    values: Values | None = None
    problem: Problem | None = None
    #: Where it might have been there before.
    created: bool = False


@dataclass(slots=True)
class Draft:
    """One item on its way into the database. What prepares it sets `problem` to refuse it."""

    values: Values
    before: Values | None = None
    problem: Problem | None = None
    #: Columns that the client named.
    given: frozenset[str] = field(default_factory=frozenset)


#: Completes and checks drafts before they are written: normalised copies, references, custom fields.
Prepare = Callable[[Session, Principal, Sequence[Draft]], Awaitable[None]]
#: Follows the writes in the same transaction: statistics, memberships, histories.
Follow = Callable[[Session, Principal, Sequence[Change]], Awaitable[None]]
#: The thing that each id stands for, itself or one that it was merged into; nothing's id is missing.
Resolve = Callable[[Session, Sequence[uuid.UUID]], Awaitable[Mapping[uuid.UUID, uuid.UUID]]]


class Records:
    """The things of one resource."""

    def __init__(
        self,
        resource: Resource,
        journal: Journal,
        *,
        aliases: Mapping[str, Resolve] | None = None,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.resource = resource
        self.rows = Rows(resource)
        #: By the prefix of ids, for kinds of things whose ids may stand for another one.
        self._aliases: Mapping[str, Resolve] = {} if aliases is None else aliases
        #: What other rules have to say, in the order in which they joined.
        self.prepare: list[Prepare] = []
        self.follow: list[Follow] = []
        #: Where the resource has custom fields and a domain keeps them.
        self.custom: CustomFields | None = None
        #: Who keeps the sets that lists can be narrowed to.
        self.sets: dict[str, Through] = {}
        #: What its things are known by that is no field of theirs: of `external:shop` by the first word, what
        #: makes the key of the other one.
        self.keys: dict[str, Callable[[str], Key]] = {}
        self._journal, self._clock = journal, clock

    # --- reading -------------------------------------------------------------------------------------

    async def get(self, session: Session, id: uuid.UUID) -> Row:
        """Raises Problem `not_found`, for a thing of another organization too."""
        found = await self.get_many(session, [id])
        if id not in found:
            raise not_found(self.resource.singular)
        return found[id]

    async def get_many(self, session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        """By the ids that were asked for, which may be others than the things' own."""
        found = await self.rows.get(session, ids)
        for _ in range(_TRIES):
            others = await self._others(session, [id for id in ids if id not in found])
            if not others:
                break
            rows = await self.rows.get(session, list(set(others.values())))
            found |= {id: rows[other] for id, other in others.items() if other in rows}
        return found

    async def reveal(
        self, session: Session, shown: Sequence[dict[str, Any]], keys: Sequence[str] = ()
    ) -> None:
        """Leaves of the custom fields those that were named, or all that are not concealed."""
        items = [item for item in shown if item.get("custom") is not None]
        if self.custom is None or not items:
            return
        custom = await self.custom.of(session)
        if keys or custom.concealed:
            for item in items:
                item["custom"] = revealed(item["custom"], keys, custom)

    async def page(self, session: Session, listing: Listing, cursors: Cursors) -> Page:
        query = await self._query(session, listing)
        return await page(session, query, listing.order, listing.limit, listing.cursor, cursors=cursors)

    async def count(self, session: Session, listing: Listing) -> int:
        """Up to one more than `COUNT_UP_TO`."""
        query = await self._query(session, listing)
        most = COUNT_UP_TO + 1
        # Each text up to the cap: together they are as many as all of it, or more than the cap.
        ids = " UNION ".join(f"(SELECT id FROM ({text}) AS q LIMIT {most})" for text in query.texts)
        count: int = await session.fetch_value(f"SELECT count(*) FROM ({ids}) AS q", *query.parameters)
        return min(count, most)

    async def key(self, session: Session, by: str) -> Key:
        """What `by` names. Raises Problem where its things are not known by that."""
        name, _, rest = by.partition(":")
        # One that the resource names itself is whole; of the others, `by` says more.
        if (make := self.keys.get(name)) is not None and bool(rest) is not (name in self.resource.keys):
            return make(rest)
        if by in self.resource.keys:
            return self.field_key(by)
        known = ", ".join(self.known_by) or "a custom field that is unique"
        if (custom := key_of(by)) is None or self.custom is None:
            raise invalid(
                "/by", "invalid", f"{self.resource.name} are known by {known}, and not by {by[:60]!r}"
            )
        found = (await self.custom.of(session)).indexed(custom)
        if not found.unique:
            raise invalid("/by", "invalid", f"{by[:80]} is not unique: two may have the same")
        return CustomKey(self.resource.name, custom, found)

    def field_key(self, field: str) -> FieldKey:
        """Of any field that lists are filtered by: where it is not unique, several may be found."""
        return FieldKey(self.rows, field, self._aliases.get(self.resource.ids.get(field, "")))

    @property
    def known_by(self) -> list[str]:
        """What `key` takes, in words."""
        custom = ["custom.<key> of a unique field"] * self.resource.custom
        named = [f"{name}:..." for name in self.keys if name not in self.resource.keys]
        return [*self.resource.keys, *named, *custom]

    async def check(self, session: Session, listing: Listing) -> None:
        """Raises Problem for a list that cannot be asked for."""
        custom = None if self.custom is None else await self.custom.of(session)
        replace(listing, custom=custom, sets=self.sets).query(_organization(session))

    # --- writing -------------------------------------------------------------------------------------

    async def create(
        self, session: Session, principal: Principal, items: Sequence[Values], *, atomic: bool = True
    ) -> list[Outcome]:
        """Raises Problem where it is atomic and an item is refused: nothing is written then."""
        now = self._clock()
        drafts = [
            Draft(
                {"id": new_id(), "version": 1, "created_at": now, "updated_at": now, **item},
                given=frozenset(item),
            )
            for item in items
        ]
        return await self._write(session, principal, drafts, "created", self.rows.insert, atomic)

    async def update(
        self, session: Session, principal: Principal, patches: Sequence[Patch], *, atomic: bool = True
    ) -> list[Outcome]:
        """Raises Problem as `create` does; `not_found` and `version_mismatch` are an item's own."""
        return await self._change(session, principal, patches, "updated", atomic)

    async def archive(
        self, session: Session, principal: Principal, patches: Sequence[Patch], *, atomic: bool = True
    ) -> list[Outcome]:
        """It leaves the lists and can be restored. A thing that is archived already stays as it is."""
        at = self._clock()
        patches = [Patch(each.id, {"archived_at": at}, each.version) for each in patches]
        return await self._change(session, principal, patches, "archived", atomic)

    async def restore(
        self, session: Session, principal: Principal, patches: Sequence[Patch], *, atomic: bool = True
    ) -> list[Outcome]:
        patches = [Patch(each.id, {"archived_at": None}, each.version) for each in patches]
        return await self._change(session, principal, patches, "restored", atomic)

    async def tell(self, session: Session, principal: Principal, changes: Sequence[Change]) -> None:
        """Whoever follows, the audit log and the events: for what a domain wrote by statements of its own."""
        for follow in self.follow:
            await follow(session, principal, changes)
        self._journal.wrote(session, principal, self.resource, changes)

    # --- how -----------------------------------------------------------------------------------------

    async def _others(self, session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
        resolve = self._aliases.get(self.resource.prefix)
        return await resolve(session, ids) if resolve is not None and ids else {}

    async def _query(self, session: Session, listing: Listing) -> Query:
        return (await self._asked(session, listing)).query(_organization(session))

    async def _asked(self, session: Session, listing: Listing) -> Listing:
        """The list, by the ids of the things that ids stand for; and with what custom fields are."""
        for prefix, resolve in self._aliases.items():
            if asked := listing.ids_of(prefix):
                listing = listing.with_ids(await resolve(session, asked))
        if self.sets:
            listing = replace(listing, sets=self.sets)
        if self.custom is not None:
            listing = replace(listing, custom=await self.custom.of(session))
        return listing

    async def _change(
        self, session: Session, principal: Principal, patches: Sequence[Patch], action: Action, atomic: bool
    ) -> list[Outcome]:
        held = await self.rows.lock(session, [patch.id for patch in patches])
        for _ in range(_TRIES):
            others = await self._others(session, [patch.id for patch in patches if patch.id not in held])
            if not others:
                break
            held |= await self.rows.lock(session, others.values())
            patches = [
                replace(patch, id=others[patch.id]) if others.get(patch.id) in held else patch
                for patch in patches
            ]
        drafts: list[Draft] = []
        seen: set[uuid.UUID] = set()
        for patch in patches:
            before = held.get(patch.id)
            draft = Draft(dict(before or {"id": patch.id}), before, given=frozenset(patch.values))
            draft.problem = self._refused(patch, before, seen)
            seen.add(patch.id)
            if before is not None and not _idle(action, before):
                draft.values |= patch.values
            drafts.append(draft)
        return await self._write(session, principal, drafts, action, self.rows.update, atomic)

    def _refused(self, patch: Patch, before: Values | None, seen: set[uuid.UUID]) -> Problem | None:
        if before is None:
            return not_found(self.resource.singular)
        if patch.id in seen:
            return Problem("conflict", "a batch changes each thing once")
        if patch.version is not None and patch.version != before["version"]:
            return Problem("version_mismatch", "read it again, and change what you find")
        return None

    async def _write(
        self,
        session: Session,
        principal: Principal,
        drafts: list[Draft],
        action: Action,
        send: Callable[[Session, Sequence[Mapping[str, Any]]], Awaitable[None]],
        atomic: bool,
    ) -> list[Outcome]:
        if len(drafts) > MOST_ITEMS:
            raise Problem("too_large", f"a batch has at most {MOST_ITEMS:,} items")
        open_ = [draft for draft in drafts if draft.problem is None]
        for prepare in self.prepare:
            await prepare(session, principal, open_)
        raise_first(drafts, atomic)
        changed = [draft for draft in open_ if draft.problem is None and draft.values != draft.before]
        now = self._clock()
        for draft in changed:
            if draft.before is not None:
                draft.values |= {"version": draft.before["version"] + 1, "updated_at": now}
        await self._send(session, changed, send, apart=not atomic or len(drafts) > 1)
        raise_first(drafts, atomic)
        changes = [
            Change(action, draft.values["id"], draft.before, draft.values)
            for draft in changed
            if draft.problem is None
        ]
        await self.tell(session, principal, changes)
        return [
            Outcome(problem=draft.problem) if draft.problem else Outcome(draft.values) for draft in drafts
        ]

    async def _send(
        self,
        session: Session,
        drafts: list[Draft],
        send: Callable[[Session, Sequence[Mapping[str, Any]]], Awaitable[None]],
        *,
        apart: bool = True,
    ) -> None:
        """All in one statement; where the server refuses, half by half, until those at fault are alone.

        Not `apart`, what is refused ends the transaction, which costs nothing where it is all there is.
        """
        if not drafts:
            return
        problem: Problem | None = None
        try:
            async with session.savepoint() if apart else nullcontext():
                await send(session, [draft.values for draft in drafts])
        except Exception as error:
            problem = self._problem_of(error)
            if problem is None:
                raise
        if problem is None:
            return
        if len(drafts) == 1:
            drafts[0].problem = problem
            return
        middle = len(drafts) // 2
        await self._send(session, drafts[:middle], send)
        await self._send(session, drafts[middle:], send)

    def _problem_of(self, error: Exception) -> Problem | None:
        """What a violated constraint means; None for an error that is not a row's."""
        state = str(getattr(error, "sqlstate", ""))
        if state.startswith(_OF_A_VALUE):
            return problem_of(error)
        if not state.startswith(_OF_A_ROW):
            return None
        name = getattr(error, "constraint_name", None) or ""
        fault = self.resource.constraints.get(name)
        if fault is None:
            return Problem("conflict", f"this contradicts what is there ({name})")
        code = "taken" if fault.code == "taken" else "invalid"
        return Problem(code, fault.detail, [fault])


def _idle(action: Action, before: Values) -> bool:
    """There is nothing to do: what is archived is not archived again, nor what is live restored."""
    return {"archived": before["archived_at"] is not None, "restored": before["archived_at"] is None}.get(
        action, False
    )


class Refusable(Protocol):
    """An item of many, and why it cannot be done."""

    @property
    def problem(self) -> Problem | None: ...


def raise_first(drafts: Sequence[Refusable], atomic: bool) -> None:
    """Raises the problem of the only item, or, of several, one that names each refused item."""
    refused = [(place, draft.problem) for place, draft in enumerate(drafts) if draft.problem is not None]
    if not atomic or not refused:
        return
    if len(drafts) == 1:
        raise refused[0][1]
    faults = [
        Fault(f"/items/{place}{fault.pointer}", fault.code, fault.detail)
        for place, problem in refused
        for fault in (problem.errors or (Fault("", problem.code, problem.detail),))
    ]
    raise Problem("invalid", f"{len(refused)} items were refused, and nothing was written", faults)


def _organization(session: Session) -> uuid.UUID:
    assert isinstance(session.tenant, uuid.UUID)
    return session.tenant
