"""Things are created, or changed where they are there already: found by what they are known by outside.

The same few statements for any number of them. Two who send the same at the same moment make one thing.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, Union

import msgspec
from msgspec import UNSET, UnsetType

from tenfold.runtime import Session
from tenfold_hub.kit import ids
from tenfold_hub.kit.keys import Key
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Outcome, Patch, Records, raise_first
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.rows import Values

#: What is done of the two: a `create` looks for nothing, an `update` makes nothing.
Mode: TypeAlias = Literal["create", "update", "upsert"]


@dataclass(slots=True)
class Item:
    """What is said of one thing, by field: as it is created, and of one that is there. In the end, what it is
    now, or why it was refused.
    """

    new: Mapping[str, Any]
    change: Mapping[str, Any]
    #: In the form in which it is compared; None is known by nothing.
    key: Hashable | None = None
    problem: Problem | None = None
    values: Values | None = None
    created: bool = False


class Upsert:
    """Of things of one kind. Not `strict`, texts are read as what they say, as the cells of a file are."""

    def __init__(
        self, records: Records, key: Key | None, mode: Mode = "upsert", *, strict: bool = True
    ) -> None:
        self._records, self._key, self._mode, self._strict = records, key, mode, strict
        self._resource = records.resource

    async def __call__(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        """Each key comes once."""
        open_ = [item for item in items if item.problem is None]
        found = await self._found(session, open_)
        for item in open_:
            there = found.get(item.key, ()) if item.key is not None else ()
            if len(there) > 1:
                item.problem = Problem("conflict", f"{len(there)} {self._resource.name} have this key")
            elif not there and self._mode == "update":
                item.problem = Problem("not_found", f"there is no {self._resource.singular} with this key")
        open_ = [item for item in open_ if item.problem is None]
        new = [item for item in open_ if not found.get(item.key)]
        await self._create(session, principal, new)
        await self._change(session, principal, [item for item in open_ if found.get(item.key)], found)
        await self._overtaken(session, principal, new)

    async def _overtaken(self, session: Session, principal: Principal, new: Sequence[Item]) -> None:
        """Who creates a thing without asking for its key may come between: then it is there now."""
        taken = [item for item in new if item.problem is not None and item.problem.code == "taken"]
        if found := {key: ids for key, ids in (await self._found(session, taken)).items() if len(ids) == 1}:
            there = [item for item in taken if item.key in found]
            for item in there:
                item.problem = None
            await self._change(session, principal, there, found)

    async def _found(self, session: Session, items: Sequence[Item]) -> Mapping[Hashable, Sequence[uuid.UUID]]:
        keys = {item.key for item in items if item.key is not None}
        if self._key is None or self._mode == "create" or not keys:
            return {}
        return await self._key.hold(session, keys)

    async def _create(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        read = self._all_read(items, new=True)
        if not read:
            return
        values = [each for _, each in read]
        _settle(read, await self._records.create(session, principal, values, atomic=False), created=True)
        made = [
            (item.key, item.values) for item, _ in read if item.key is not None and item.values is not None
        ]
        if self._key is not None and made:
            await self._key.made(session, principal, made)

    async def _change(
        self,
        session: Session,
        principal: Principal,
        items: Sequence[Item],
        found: Mapping[Hashable, Sequence[uuid.UUID]],
    ) -> None:
        read = self._all_read(items, new=False)
        if read:
            patches = [Patch(found[item.key][0], values) for item, values in read]
            _settle(
                read, await self._records.update(session, principal, patches, atomic=False), created=False
            )

    def _all_read(self, items: Sequence[Item], *, new: bool) -> list[tuple[Item, Values]]:
        read = []
        for item in items:
            given, kind = (item.new, self._resource.new) if new else (item.change, self._resource.patch)
            try:
                read.append((item, columns(self._resource, kind, given, strict=self._strict)))
            except Problem as problem:
                item.problem = problem
        return read


async def upsert(
    records: Records,
    session: Session,
    principal: Principal,
    by: str,
    given: Sequence[tuple[object, msgspec.Struct]],
    *,
    atomic: bool,
) -> list[Outcome]:
    """Of keys, and what is said of their things as `either_of` has it. Raises Problem as `create` does."""
    key = await records.key(session, by)
    changeable = frozenset(records.resource.patch.__struct_fields__)
    items: list[Item] = []
    seen: set[Hashable] = set()
    for known_as, said in given:
        values = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not UNSET}
        change = {name: value for name, value in values.items() if name in changeable}
        item = Item(key.into(known_as, values), change)
        items.append(item)
        try:
            item.key = key.read(known_as)
        except Problem as problem:
            item.problem = problem
            continue
        if item.key in seen:
            item.problem = Problem("conflict", "a batch names each key once")
        seen.add(item.key)
    await Upsert(records, key)(session, principal, items)
    raise_first(items, atomic)
    return [Outcome(item.values, item.problem, item.created) for item in items]


def either_of(resource: Resource) -> type[msgspec.Struct]:
    """What may be said of a thing that is there or is not: whatever a new one takes, or changes one."""
    fields = {
        each.name: (each.name, Union[each.type, UnsetType], UNSET)  # noqa: UP007 # types that are made here
        for kind in (resource.new, resource.patch)
        for each in msgspec.structs.fields(kind)
    }
    return msgspec.defstruct(
        f"{resource.shown.__name__}Upsert", fields.values(), forbid_unknown_fields=True, kw_only=True
    )


def columns(
    resource: Resource, kind: type[msgspec.Struct], given: Mapping[str, Any], *, strict: bool = True
) -> Values:
    """What is given of a thing, by field, as columns. Raises Problem."""
    missing = [
        Fault(f"/{name}", "required", "a new one needs it") for name in _required(kind) if name not in given
    ]
    if missing:
        raise Problem("invalid", f"{missing[0].pointer[1:]}: {missing[0].detail}", missing)
    try:
        return columns_of(resource, msgspec.convert(given, kind, strict=strict))
    except msgspec.ValidationError as error:
        raise Problem("invalid", why(error)) from None


def columns_of(resource: Resource, given: msgspec.Struct) -> Values:
    """What the client named, as columns. Raises Problem for what refers to nothing that can be."""
    values = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not UNSET}
    for name, prefix in resource.refs.items():
        if values.get(name) is not None:
            try:
                values[name] = ids.read(prefix, values[name])
            except ids.IdError as error:
                raise invalid(f"/{name}", "invalid_id", str(error)) from None
    return values


@cache
def _required(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Looked up once: it reads the annotations."""
    return tuple(each.name for each in msgspec.structs.fields(kind) if each.required)


def why(error: msgspec.ValidationError) -> str:
    """Where, in words of the API."""
    return str(error).replace(" - at `$.", " - in `")


def _settle(given: Sequence[tuple[Item, Values]], outcomes: Sequence[Outcome], *, created: bool) -> None:
    for (item, _), outcome in zip(given, outcomes, strict=True):
        item.values, item.problem = outcome.values, outcome.problem
        item.created = created and outcome.values is not None
