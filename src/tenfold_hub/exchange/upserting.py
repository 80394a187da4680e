"""Rows of a file become things: found by what they are known by, created or changed, many at once.

The rules are those of the resource: its types, and whatever prepares and follows its writes. Of rows that are
about one thing the last one has the last word.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.exchange.mapping import EXTERNAL, EXTERNAL_FIELD
from tenfold_hub.kit import upserting
from tenfold_hub.kit.keys import Key
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.upserting import Mode


@dataclass(slots=True)
class Item:
    """What one row says of one thing. In the end it has an id, or a problem."""

    values: dict[str, Any]
    custom: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    id: uuid.UUID | None = None
    created: bool = False
    key: Hashable | None = None


class Upsert:
    """Of one kind of thing, in one way: `by` is the field that things are known by, or empty."""

    def __init__(self, records: Records, by: str, mode: Mode) -> None:
        self._records, self._by, self._mode = records, by, mode
        self._field = EXTERNAL_FIELD if by.startswith(EXTERNAL) else by

    async def __call__(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        open_ = [item for item in items if item.problem is None]
        if not open_:
            return
        key = await self._key(session)
        for item in open_ if key is not None else ():
            self._read_key(key, item)
        open_ = [item for item in open_ if item.problem is None]
        groups = _grouped(open_)
        folded = [_folded(group) for group in groups]
        write = upserting.Upsert(self._records, key, self._mode, strict=False)
        await self._write(session, principal, write, folded)
        alone: list[list[Item]] = []
        for group, one in zip(groups, folded, strict=True):
            if one.problem is not None and len(group) > 1:
                alone.append(group)
                continue
            for item in group:
                item.id, item.problem = one.id, one.problem
            group[0].created = one.created
        # One of them is wrong: now the first of each, then the second, and so on.
        for turn in range(max(map(len, alone), default=0)):
            some = [group[turn] for group in alone if turn < len(group)]
            await self._write(session, principal, write, some)

    async def _key(self, session: Session) -> Key | None:
        if not self._by:
            return None
        if self._by in self._records.resource.filters:
            return self._records.field_key(self._by)
        return await self._records.key(session, self._by)

    def _read_key(self, key: Key | None, item: Item) -> None:
        given = item.values.get(self._field)
        if self._field == EXTERNAL_FIELD:
            # It is no field of the thing itself.
            item.values.pop(EXTERNAL_FIELD, None)
            given = str(given) if given else None
        if given is not None and key is not None:
            try:
                item.key = key.read(given)
            except Problem as problem:
                item.problem = problem
        elif self._mode == "update" or self._field == EXTERNAL_FIELD:
            item.problem = invalid(f"/{self._field}", "required", "it is not known by anything")

    async def _write(
        self, session: Session, principal: Principal, write: upserting.Upsert, items: Sequence[Item]
    ) -> None:
        asked = [self._asked(item) for item in items]
        await write(session, principal, asked)
        for item, done in zip(items, asked, strict=True):
            item.problem, item.created = done.problem, done.created
            if done.values is not None:
                item.id = done.values["id"]

    def _asked(self, item: Item) -> upserting.Item:
        given = dict(item.values)
        if item.custom:
            given["custom"] = given.get("custom", {}) | item.custom
        change = {name: value for name, value in given.items() if name != self._field}
        return upserting.Item(given, change, item.key, item.problem)


def require_readable(items: Sequence[Item], resource: Resource) -> None:
    """Refuses those whose values are not of their fields' types, before anything is written."""
    fields = set(resource.patch.__struct_fields__)
    for item in items:
        given = {name: value for name, value in item.values.items() if name in fields}
        try:
            msgspec.convert(given, resource.patch, strict=False)
        except msgspec.ValidationError as error:
            item.problem = item.problem or Problem("invalid", upserting.why(error))


def _grouped(items: Sequence[Item]) -> list[list[Item]]:
    """Those of one thing together, in the order of the file."""
    groups: dict[object, list[Item]] = {}
    for place, item in enumerate(items):
        groups.setdefault(("key", item.key) if item.key is not None else place, []).append(item)
    return list(groups.values())


def _folded(group: Sequence[Item]) -> Item:
    if len(group) == 1:
        return group[0]
    one = Item({}, key=group[0].key)
    for item in group:
        one.values |= item.values
        one.custom |= item.custom
    return one
