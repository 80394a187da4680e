"""The first level: values in the process, least recently used out first, each with its own end.

Recency is kept by second chance, as PostgreSQL's buffers do by their clock sweep: a hit marks its entry,
and eviction passes over a marked entry once. So a hit costs an increment, not a move in a list.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

from tenfold.runtime.cache.statistics import SpaceCounts


class Entry:
    """A value, nothing (None), a failure, or bytes to be decoded for every reader."""

    __slots__ = (
        "counts",
        "failure",
        "forms",
        "fresh_until",
        "name",
        "parents",
        "since",
        "thaw",
        "until",
        "uses",
        "value",
    )

    def __init__(
        self, name: str, value: Any, counts: SpaceCounts, since: float, fresh_until: float, until: float
    ) -> None:
        self.name = name
        self.value = value
        self.counts = counts
        #: A clock that jumped back makes an entry one of the future, which is none.
        self.since = since
        self.fresh_until = fresh_until
        self.until = until
        self.uses = 0
        self.failure: BaseException | None = None
        #: Whether `value` is bytes, as its type is mutable and readers may not share it.
        self.thaw = False
        self.parents: tuple[str, ...] = ()
        self.forms: list[tuple[dict[Hashable, Entry], Hashable]] = []


class Trust:
    """Until when the process may believe its own entries: it hears invalidations, or is alone."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class Local:
    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._children: dict[str, set[str]] = {}
        self.evictions = 0

    def get(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def put(self, entry: Entry, parents: Iterable[str]) -> None:
        """Keeps the entry until it ends, is evicted, or its name or one of its parents is dropped."""
        self.drop([entry.name])
        while len(self._entries) >= self._most:
            self._evict()
        entry.parents = tuple(parents)
        self._entries[entry.name] = entry
        for parent in entry.parents:
            self._children.setdefault(parent, set()).add(entry.name)

    def remember(self, entry: Entry, shelf: dict[Hashable, Entry], form: Hashable) -> None:
        """Lays the entry on a shelf under a form of its key, where a hit needs no name. Not for bytes."""
        if self._entries.get(entry.name) is entry and shelf.get(form) is not entry:
            shelf[form] = entry
            entry.forms.append((shelf, form))

    def drop(self, names: Iterable[str]) -> None:
        """Forgets these names: of values, scopes and tags alike."""
        for name in names:
            self._remove(name)
            for child in tuple(self._children.get(name, ())):
                self._remove(child)

    def clear(self) -> None:
        self.drop(tuple(self._entries))

    def harvest(self) -> None:
        """Adds the hits of the entries to where they count. Recency begins anew."""
        # A copy, as the thread that asks for statistics may be another.
        for entry in tuple(self._entries.values()):
            entry.counts.local_hits += entry.uses
            entry.uses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def _evict(self) -> None:
        while True:
            name, entry = next(iter(self._entries.items()))
            if not entry.uses:
                break
            entry.counts.local_hits += entry.uses
            entry.uses = 0
            self._entries.move_to_end(name)
        self._remove(name)
        self.evictions += 1

    def _remove(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        entry.counts.local_hits += entry.uses
        entry.uses = 0
        for shelf, form in entry.forms:
            del shelf[form]
        for parent in entry.parents:
            children = self._children[parent]
            children.discard(name)
            if not children:
                del self._children[parent]
