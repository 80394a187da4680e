"""What things are known by outside of the hub: a domain, an e-mail address, the number that a shop has.

Who asks for a key holds it to the end of the transaction: of two who would make the thing of one key at the
same moment, the second waits, and finds what the first made.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tenfold.runtime import Session, quoted_name
from tenfold_hub.kit.conditions import value_of
from tenfold_hub.kit.custom import Indexed
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.rows import Rows, Values

#: Locks that one transaction takes of one kind of key at most: the server has room for some thousands in all.
#: So the keys of a large batch share them, and two such batches of one organization take turns.
_LOCKS = 256
_LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(31), $1::uuid, $2::text, n.place), 7310))
  FROM unnest($3::integer[]) AS n (place)
"""

#: The ids that these stand for, where things are merged.
Stand = Callable[[Session, Sequence[uuid.UUID]], Awaitable[Mapping[uuid.UUID, uuid.UUID]]]


class Key(Protocol):
    """One way in which things of one kind are known."""

    def read(self, given: object) -> Hashable:
        """The form in which keys are compared. Raises Problem for what can be none."""

    def into(self, given: object, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is said of a new thing, and what it is known by. Values are as the client gave them."""

    async def hold(
        self, session: Session, keys: Collection[Hashable]
    ) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        """The live things of each key, the oldest first. In a few statements, and whoever else asks waits."""

    async def made(
        self, session: Session, principal: Principal, made: Sequence[tuple[Hashable, Values]]
    ) -> None:
        """After things of these keys were created."""


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A field that lists are filtered by, compared as they compare it."""

    rows: Rows
    field: str
    #: Where the field holds ids of things that are merged.
    stand: Stand | None = None

    def read(self, given: object) -> Hashable:
        resource = self.rows.resource
        how = resource.filters[self.field]
        try:
            found = value_of(
                given, resource.types[self._column], self.field, resource.ids.get(self.field, "")
            )
        except Problem:
            raise _no_key(self.field) from None
        if how.normal is not None:
            found = how.normal(str(found))
        if found is None:
            raise _no_key(self.field)
        assert isinstance(found, Hashable)
        return found

    def into(self, given: object, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self.field: given, **values}

    async def hold(
        self, session: Session, keys: Collection[Hashable]
    ) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        stand: Mapping[Any, Hashable] = {}
        if self.stand is not None:
            ids = [key for key in keys if isinstance(key, uuid.UUID)]
            stand = await self.stand(session, ids)
        wanted = {stand.get(key, key) for key in keys}
        await hold_keys(session, self.rows.resource.name, self.field, wanted)
        found = await self.rows.find(session, self._column, list(wanted))
        return {key: found.get(stand.get(key, key), ()) for key in keys}

    async def made(
        self, session: Session, principal: Principal, made: Sequence[tuple[Hashable, Values]]
    ) -> None:
        """The field says it."""

    @property
    def _column(self) -> str:
        return self.rows.resource.filters[self.field].column or self.field


@dataclass(frozen=True, slots=True)
class CustomKey:
    """A custom field that is unique."""

    resource: str
    name: str
    field: Indexed

    def read(self, given: object) -> Hashable:
        try:
            found = self.field.normal(given)
        except (ValueError, ArithmeticError) as error:
            raise invalid(f"/custom/{self.name}", "invalid", str(error)) from None
        assert isinstance(found, Hashable)
        return found

    def into(self, given: object, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, "custom": {self.name: given, **(values.get("custom") or {})}}

    async def hold(
        self, session: Session, keys: Collection[Hashable]
    ) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        await hold_keys(session, self.resource, f"custom.{self.name}", keys)
        table, type_ = quoted_name(*self.field.table), self.field.type
        rows = await session.fetch(
            f"SELECT v.* FROM unnest($3::{type_}[]) AS k (key) CROSS JOIN LATERAL (SELECT value, object_id"
            f" FROM {table} WHERE organization_id = $1 AND field_id = $2 AND NOT archived AND value = k.key"
            " ORDER BY object_id OFFSET 0) AS v",
            *(session.tenant, self.field.id, list(keys)),
        )
        found: dict[Hashable, list[uuid.UUID]] = {}
        for row in rows:
            found.setdefault(row["value"], []).append(row["object_id"])
        return found

    async def made(
        self, session: Session, principal: Principal, made: Sequence[tuple[Hashable, Values]]
    ) -> None:
        """The field says it."""


async def hold_keys(session: Session, resource: str, by: str, keys: Collection[Hashable]) -> None:
    """Nobody else holds one of these before the transaction ends. One statement."""
    # In one order, so that two with keys in common wait for each other in turn.
    places = sorted({zlib.crc32(str(key).encode(errors="replace")) % _LOCKS for key in keys})
    await session.execute(_LOCK, session.tenant, f"{resource}/{by}", places)


def _no_key(field: str) -> Problem:
    return invalid(f"/{field}", "invalid", f"this is no {field}")
