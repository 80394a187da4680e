"""What an organization defined on each kind of thing: read once, kept in the process, never trusted blindly.

Who reads takes what the process has, for some seconds at most: a change that this process makes holds at
once, one of another process a moment later. Who writes holds the definitions against changes, to the end of
the transaction, learns their revision with the lock, and takes what the process has only if it is of that
revision: so no value is ever written by old definitions, however many processes there are.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property

import msgspec

from tenfold.errors import did_you_mean
from tenfold.runtime import Session
from tenfold.runtime.cache import MISSING, Cache, Namespace
from tenfold_hub.kit.custom import Indexed
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.objects.definitions import Field, of_row
from tenfold_hub.objects.types import indexed

#: Seconds for which another process's change may be unknown to who reads.
LIFETIME = 5
#: Kinds of things, of all organizations, whose definitions a process keeps.
MOST_KEPT = 5_000

_READ = """
SELECT r.revision, d.id AS definition, f.id, f.key, f.label, f.type, f.required, f."unique", f.filterable,
       f."default", f.rules, f.options, f.visibility, f.state, f.archived_at
  FROM objects.revisions AS r
  LEFT JOIN objects.definitions AS d
         ON d.organization_id = r.organization_id AND d.name = r.object AND d.archived_at IS NULL
  LEFT JOIN objects.fields AS f ON f.organization_id = r.organization_id AND f.object = r.object
 WHERE r.organization_id = $1 AND r.object = $2
 ORDER BY f.position, f.id
"""
_HOLD = "SELECT objects.hold($1, $2, false)"
_HOLD_ALONE = "SELECT objects.hold($1, k.kind, true) FROM unnest($2::text[]) AS k (kind)"
_ADVANCE = """
INSERT INTO objects.revisions (organization_id, object, revision)
SELECT $1, k.kind, 1 FROM unnest($2::text[]) AS k (kind)
ON CONFLICT (organization_id, object) DO UPDATE SET revision = revisions.revision + 1
"""


class Fields(msgspec.Struct, frozen=True, dict=True):
    """All of one kind of thing, in their order, as of a revision; for `tenfold_hub.kit.custom`."""

    object: str
    revision: int = 0
    fields: tuple[Field, ...] = ()
    #: Where the kind is one that the organization defined.
    definition: uuid.UUID | None = None

    @cached_property
    def by_key(self) -> Mapping[str, Field]:
        return {field.key: field for field in self.fields}

    @cached_property
    def keys(self) -> Collection[str]:
        return frozenset(field.key for field in self.fields if not field.archived)

    @cached_property
    def concealed(self) -> Sequence[str]:
        return tuple(field.key for field in self.fields if field.archived or field.visibility == "hidden")

    @cached_property
    def indexed_fields(self) -> Sequence[Field]:
        return tuple(field for field in self.fields if field.indexed)

    @cached_property
    def unfinished(self) -> Sequence[uuid.UUID]:
        """Fields whose rows of values are being filled or cleared."""
        return tuple(field.id for field in self.fields if field.state in ("filling", "clearing"))

    def indexed(self, key: str, *, sort: bool = False) -> Indexed:
        code, name = ("not_sortable", "sort") if sort else ("not_filterable", f"filter[custom.{key[:60]}]")
        field = self.by_key.get(key) if key in self.keys else None
        found = indexed(field) if field is not None else None
        known = [each.key for each in self.fields if each.indexed and indexed(each)]
        if field is None:
            why = f"{self.object} have no custom field {key[:60]!r}{did_you_mean(key, self.keys)}"
        elif found is None or not field.indexed:
            why = f"custom.{key} is not filterable; those that are: {', '.join(known) or 'none'}"
        elif sort and not found.single:
            why = f"custom.{key} has several values, which have no order"
        elif field.state == "filling":
            detail = f"custom.{key} was made filterable just now, and is being indexed; try again in a moment"
            raise Problem(
                "not_ready", detail, [Fault(name, "not_ready", detail)], headers={"Retry-After": "1"}
            )
        else:
            return found
        raise Problem(code, why, [Fault(name, code, why)])


_FIELDS = Namespace(name="fields", type=Fields, ttl=LIFETIME, local_ttl=LIFETIME)


class Catalog:
    """Of one process. `unfinished` is told of fields whose rows of values somebody has to go on filling."""

    def __init__(self) -> None:
        self._cache = Cache([_FIELDS], entries=MOST_KEPT)
        self._opened = False
        self.unfinished: Callable[[uuid.UUID, Sequence[uuid.UUID]], object] | None = None
        #: What the task holds in its transaction.
        self._held: ContextVar[tuple[Session, Fields] | None] = ContextVar("held", default=None)

    async def of(self, session: Session, kind: str) -> Fields:
        """For reading. One statement where the process has nothing."""
        found = await self._peek(session, kind)
        if found is None or found.unfinished:
            # What is under way is looked at each time: another process may have ended it.
            found = await self._read(session, kind)
            await self._keep(session, found)
        if found.unfinished and self.unfinished is not None:
            self.unfinished(_organization(session), found.unfinished)
        return found

    async def held(self, session: Session, kind: str) -> Fields:
        """For writing things: as they are, and stay until the transaction ends. One statement as a rule."""
        held = self._held.get()
        if held is not None and held[0] is session and held[1].object == kind:
            return held[1]
        revision = await session.fetch_value(_HOLD, session.tenant, kind)
        found = await self._peek(session, kind)
        if found is None or found.revision != revision:
            found = await self._read(session, kind) if revision else Fields(kind)
            await self._keep(session, found)
        self._held.set((session, found))
        return found

    async def hold_alone(self, session: Session, kinds: Collection[str]) -> None:
        """For changing definitions: nobody writes such things until the transaction ends."""
        await session.fetch(_HOLD_ALONE, session.tenant, sorted(kinds))

    async def changed(self, session: Session, kinds: Collection[str]) -> None:
        """After a change of definitions, in its transaction."""
        await session.execute(_ADVANCE, session.tenant, sorted(kinds))

        async def forget() -> None:
            for kind in kinds:
                await self._forget(session, kind)

        session.after_commit(forget, also_in_doubt=True)

    async def forget(self, organization: uuid.UUID, kind: str) -> None:
        """What the process has of it is old."""
        if self._opened:
            await self._cache.invalidate(_FIELDS, organization, kind)

    async def close(self) -> None:
        if self._opened:
            await self._cache.close()

    async def _forget(self, session: Session, kind: str) -> None:
        await self.forget(_organization(session), kind)

    async def _peek(self, session: Session, kind: str) -> Fields | None:
        if not self._opened:
            # In the event loop that it serves.
            self._opened = True
            await self._cache.__aenter__()
        found = self._cache.peek(_FIELDS, session.tenant, kind)
        return None if found is MISSING else found

    async def _read(self, session: Session, kind: str) -> Fields:
        rows = await session.fetch(_READ, session.tenant, kind)
        if not rows:
            return Fields(kind)
        fields = tuple(of_row(row) for row in rows if row["id"] is not None)
        return Fields(kind, rows[0]["revision"], fields, rows[0]["definition"])

    async def _keep(self, session: Session, found: Fields) -> None:
        async def load() -> Fields:
            return found

        await self._forget(session, found.object)
        await self._cache.get(_FIELDS, session.tenant, found.object, load)


def _organization(session: Session) -> uuid.UUID:
    assert isinstance(session.tenant, uuid.UUID)
    return session.tenant
