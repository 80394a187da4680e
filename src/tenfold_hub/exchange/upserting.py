"""Rows of a file become things: found by what they are known by, created or changed, many at once.

The rules are those of the resource: its types, and whatever prepares and follows its writes. Of rows that are
about one thing the last one has the last word.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.exchange.mapping import EXTERNAL, EXTERNAL_FIELD
from tenfold_hub.identity.api import ExternalPeople, Known
from tenfold_hub.kit import ids
from tenfold_hub.kit.listing import value_of
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, invalid
from tenfold_hub.kit.records import Outcome, Patch, Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.rows import Values


@dataclass(slots=True)
class Item:
    """What one row says of one thing. In the end it has an id, or a problem."""

    values: dict[str, Any]
    custom: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    id: uuid.UUID | None = None
    created: bool = False
    key: object = None


class Upsert:
    """Of one kind of thing, in one way: `by` is the field that things are known by, or empty."""

    def __init__(self, records: Records, by: str, mode: str, external: ExternalPeople | None = None) -> None:
        self._records, self._by, self._mode, self._external = records, by, mode, external
        self._resource = records.resource

    async def __call__(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        open_ = [item for item in items if item.problem is None]
        if not open_:
            return
        self._key(open_)
        open_ = [item for item in open_ if item.problem is None]
        groups = _grouped(open_)
        folded = [_folded(group) for group in groups]
        await self._write(session, principal, folded)
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
            await self._write(session, principal, [group[turn] for group in alone if turn < len(group)])

    def _key(self, items: Sequence[Item]) -> None:
        if not self._by:
            return
        if self._by.startswith(EXTERNAL):
            for item in items:
                item.key = item.values.pop(EXTERNAL_FIELD, None) or None
                item.key = None if item.key is None else str(item.key)
        else:
            how = self._resource.filters[self._by]
            type_ = self._resource.types[how.column or self._by]
            prefix = self._resource.ids.get(self._by, "")
            for item in items:
                given = item.values.get(self._by)
                if given is None:
                    continue
                try:
                    read = value_of(given, type_, self._by, prefix)
                except Problem:
                    item.problem = invalid(f"/{self._by}", "invalid", "this is no such value")
                    continue
                item.key = how.normal(str(read)) if how.normal is not None else read
        for item in items:
            if item.key is None and item.problem is None and self._mode == "update":
                item.problem = invalid(f"/{self._by}", "required", "it is not known by anything")

    async def _write(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        if self._by.startswith(EXTERNAL) and self._external is not None:
            await self._write_external(session, principal, items)
            return
        found = await self._found(session, items)
        new: list[tuple[Item, Values]] = []
        old: list[tuple[Item, Patch]] = []
        for item in items:
            there = found.get(item.key, []) if item.key is not None else []
            try:
                if len(there) > 1:
                    raise Problem("conflict", f"{len(there)} {self._resource.name} have this {self._by}")
                if there and self._mode != "create":
                    old.append((item, Patch(there[0], self._read(item, self._resource.patch, self._by))))
                elif self._mode == "update":
                    raise Problem("not_found", f"there is no {self._resource.singular} with this {self._by}")
                else:
                    new.append((item, self._read(item, self._resource.new)))
            except Problem as problem:
                item.problem = problem
        if new:
            values = [each for _, each in new]
            _settle(new, await self._records.create(session, principal, values, atomic=False), created=True)
        if old:
            patches = [each for _, each in old]
            _settle(old, await self._records.update(session, principal, patches, atomic=False), created=False)

    async def _found(self, session: Session, items: Sequence[Item]) -> dict[object, list[uuid.UUID]]:
        keys = list({item.key for item in items if item.key is not None})
        if not self._by or not keys:
            return {}
        column = self._resource.filters[self._by].column or self._by
        return await self._records.rows.find(session, column, keys)

    async def _write_external(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        assert self._external is not None
        source = self._by.removeprefix(EXTERNAL)
        given: list[tuple[Item, Known]] = []
        for item in items:
            try:
                values = self._read(item, self._resource.patch)
                if item.key is None:
                    raise invalid(f"/{EXTERNAL_FIELD}", "required", "it is not known by anything")
                given.append((item, Known(source, str(item.key), values)))
            except Problem as problem:
                item.problem = problem
        if given:
            done = await self._external.upsert(session, principal, [one for _, one in given], atomic=False)
            for (item, _), (outcome, created) in zip(given, done, strict=True):
                _settle([(item, None)], [outcome], created=created)

    def _read(self, item: Item, kind: type[msgspec.Struct], known_by: str = "") -> Values:
        """What the row names, as columns, but for what it is known by already. Raises Problem."""
        given = {name: value for name, value in item.values.items() if name != known_by}
        if item.custom:
            given["custom"] = given.get("custom", {}) | item.custom
        try:
            read = msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            raise Problem("invalid", _said(error)) from None
        values: Values = {}
        for name in read.__struct_fields__:
            value = getattr(read, name)
            if value is msgspec.UNSET:
                continue
            if name in self._resource.refs and value is not None:
                try:
                    value = ids.read(self._resource.refs[name], value)
                except ids.IdError as error:
                    raise invalid(f"/{name}", "invalid_id", str(error)) from None
            values[name] = value
        return values


def require_readable(items: Sequence[Item], resource: Resource) -> None:
    """Refuses those whose values are not of their fields' types, before anything is written."""
    fields = set(resource.patch.__struct_fields__)
    for item in items:
        given = {name: value for name, value in item.values.items() if name in fields}
        try:
            msgspec.convert(given, resource.patch, strict=False)
        except msgspec.ValidationError as error:
            item.problem = item.problem or Problem("invalid", _said(error))


def _said(error: msgspec.ValidationError) -> str:
    return str(error).replace(" - at `$.", " - in `")


def _settle(given: Sequence[tuple[Item, Any]], outcomes: Sequence[Outcome], *, created: bool) -> None:
    for (item, _), outcome in zip(given, outcomes, strict=True):
        item.problem = outcome.problem
        if outcome.values is not None:
            item.id, item.created = outcome.values["id"], created


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
