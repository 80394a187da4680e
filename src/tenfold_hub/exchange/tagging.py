"""The tags that rows of a file name: those that nobody has made yet are made, and none is taken away."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.crm.api import Tagging
from tenfold_hub.exchange.mapping import TAGS
from tenfold_hub.exchange.upserting import Item
from tenfold_hub.kit import upserting
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import invalid
from tenfold_hub.kit.records import Records

_LONGEST, _MOST = 100, 50
_APART = re.compile(r"[;,|]")


class RowTags:
    """Of one chunk: read before its rows are written, and given after it."""

    def __init__(self, tags: Records, tagging: Tagging) -> None:
        self._tags, self._tagging = tags, tagging
        self._named: list[tuple[Item, list[str]]] = []

    async def read(self, session: Session, principal: Principal, items: Sequence[Item]) -> None:
        """Takes them from what the items are made of. Refuses items whose tags cannot be."""
        for item in items:
            names = _names(item.values.pop(TAGS, None))
            if len(names) > _MOST or any(len(name) > _LONGEST for name in names):
                detail = f"a row has at most {_MOST} tags, each of at most {_LONGEST} characters"
                item.problem = item.problem or invalid(f"/{TAGS}", "invalid", detail)
            elif names and item.problem is None:
                self._named.append((item, names))
        self._ids = await self._made(session, principal)
        for item, names in self._named:
            if strange := next((name for name in names if name not in self._ids), None):
                detail = f"the tag {strange[:40]} is archived"
                item.problem = invalid(f"/{TAGS}", "archived", detail)

    async def give(self, session: Session, principal: Principal, kind: str) -> None:
        pairs = {
            (self._ids[name], item.id): None
            for item, names in self._named
            if item.problem is None and item.id is not None
            for name in names
        }
        if pairs:
            await self._tagging.give(session, principal, kind, list(pairs))

    async def _made(self, session: Session, principal: Principal) -> Mapping[str, uuid.UUID]:
        """By the name as it was written."""
        key = await self._tags.key(session, "name")
        asked: dict[Any, upserting.Item] = {}
        keys = {name: key.read(name) for _, names in self._named for name in names}
        for name, known in keys.items():
            asked.setdefault(known, upserting.Item({"name": name}, {}, key=known))
        if asked:
            await upserting.Upsert(self._tags, key)(session, principal, list(asked.values()))
        ids = {known: item.values["id"] for known, item in asked.items() if item.values is not None}
        return {name: ids[known] for name, known in keys.items() if known in ids}


def _names(value: Any) -> list[str]:
    parts = _APART.split(value) if isinstance(value, str) else value if isinstance(value, list) else []
    return list(dict.fromkeys(name for part in parts if (name := str(part).strip())))
