"""What things refer to, shown with them: one statement for each kind and level, however many rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tenfold.runtime import Session
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.kit.showing import shower

#: Levels that `expand` reaches: `company`, and `company.tags` of that.
DEPTH = 2

Shown: TypeAlias = dict[str, Any]
#: Shows a part of each row, such as the lines of orders: one statement for all of them.
Part: TypeAlias = Callable[[Session, Sequence[Any]], Awaitable[Sequence[Any]]]
#: What is asked of one level, and within it of the next.
_Names: TypeAlias = dict[str, "_Names"]


@dataclass(slots=True)
class _Group:
    """Things of one resource that are expanded alike: their rows, and what is shown of them."""

    resource: Resource
    names: _Names
    rows: list[Any] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)


class Expander:
    """Of one hub: what its resources declare in `expands`, and the parts that domains add."""

    def __init__(self) -> None:
        self._kinds: dict[str, Records] = {}
        self._show: dict[str, Callable[[Any, Sequence[str]], Shown]] = {}
        self._parts: dict[tuple[str, str], Part] = {}
        self._shown: dict[tuple[str, str], Any] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    def knows(self, records: Records) -> None:
        name = records.resource.name
        self._kinds[name], self._show[name] = records, shower(records.resource)
        self._paths.clear()

    def adds(self, resource: str, name: str, part: Part, shown: Any = None) -> None:
        """What `expand=name` shows of things of this resource, beyond what their fields refer to.

        `shown` is its type, where it is not that of another resource's things.
        """
        self._parts[resource, name] = part
        self._paths.clear()
        if shown is not None:
            self._shown[resource, name] = shown

    def shows(self, resource: Resource, name: str) -> Any:
        """The type of what `expand=name` shows; None where the resource itself says it."""
        if (found := self._shown.get((resource.name, name))) is not None:
            return found
        records = self._kinds.get(resource.expands[name])
        return None if records is None else records.resource.shown | None

    def paths(self, resource: Resource) -> tuple[str, ...]:
        """All that its things can be expanded by, as far as domains have joined."""
        found = self._paths.get(resource.name)
        if found is None:
            found = self._paths[resource.name] = tuple(self._below(resource, DEPTH))
        return found

    def require(self, principal: Principal, resource: Resource, paths: Sequence[str]) -> None:
        """Raises Problem `forbidden` for who may not read what the paths lead to."""
        for path in paths:
            at: Resource | None = resource
            for name in path.split("."):
                at = None if at is None else self._leads_to(at, name)
                if at is not None:
                    principal.require(at.to_read)

    async def __call__(
        self,
        session: Session,
        resource: Resource,
        rows: Sequence[Any],
        shown: Sequence[Shown],
        paths: Sequence[str],
    ) -> None:
        """Adds to what is shown of the rows whatever the paths name."""
        level = [_Group(resource, _named(paths), list(rows), list(shown))] if paths and rows else []
        while level:
            level = await self._expanded(session, level)

    async def _expanded(self, session: Session, level: Sequence[_Group]) -> list[_Group]:
        """One level; what is to be expanded of the next one."""
        parts: dict[tuple[str, str], list[_Group]] = {}
        fields: dict[str, list[tuple[_Group, str]]] = {}
        for group in level:
            for name in group.names:
                if (group.resource.name, name) in self._parts:
                    parts.setdefault((group.resource.name, name), []).append(group)
                else:
                    fields.setdefault(group.resource.expands[name], []).append((group, name))
        for key, groups in parts.items():
            await self._add_part(session, key, groups)
        below: list[_Group] = []
        for kind, referring in fields.items():
            below += await self._add_things(session, kind, referring)
        return [group for group in below if group.names and group.rows]

    async def _add_part(self, session: Session, key: tuple[str, str], groups: Sequence[_Group]) -> None:
        values = await self._parts[key](session, [row for group in groups for row in group.rows])
        items = [item for group in groups for item in group.shown]
        for item, value in zip(items, values, strict=True):
            item[key[1]] = value

    async def _add_things(
        self, session: Session, kind: str, referring: Sequence[tuple[_Group, str]]
    ) -> list[_Group]:
        records, show = self._kinds[kind], self._show[kind]
        wanted = {row[f"{name}_id"] for group, name in referring for row in group.rows} - {None}
        found = await records.get_many(session, list(wanted)) if wanted else {}
        below = []
        for group, name in referring:
            # Of its own for each path: what is shown with it may differ.
            others = {id: show(row, records.resource.fields) for id, row in found.items()}
            for row, item in zip(group.rows, group.shown, strict=True):
                item[name] = others.get(row[f"{name}_id"])
            below.append(
                _Group(records.resource, group.names[name], list(found.values()), list(others.values()))
            )
        await records.reveal(session, [item for group in below for item in group.shown])
        return below

    def _below(self, resource: Resource, depth: int) -> Iterator[str]:
        for name in resource.expands:
            yield name
            other = self._leads_to(resource, name)
            if other is not None and depth > 1:
                yield from (f"{name}.{inner}" for inner in self._below(other, depth - 1))

    def _leads_to(self, resource: Resource, name: str) -> Resource | None:
        """The things that the name stands for; None where it is a part of the thing itself."""
        if (resource.name, name) in self._parts:
            return None
        records = self._kinds.get(resource.expands[name])
        return None if records is None else records.resource


def _named(paths: Iterable[str]) -> _Names:
    found: _Names = {}
    for path in paths:
        at = found
        for name in path.split("."):
            at = at.setdefault(name, {})
    return found
