"""What the cache counts, by namespace and for the line to Redis. No keys, no tenants, no values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class SpaceCounts:
    """One namespace, all tenants together, since the cache was made."""

    local_hits: int = 0
    shared_hits: int = 0
    #: Keys that neither level had, so that they were loaded.
    misses: int = 0
    #: Readers that waited for what another was already fetching.
    joined: int = 0
    loads: int = 0
    load_failures: int = 0
    refreshes: int = 0
    #: Loads whose value was invalidated before it could be kept, by level.
    local_fills_refused: int = 0
    shared_fills_refused: int = 0
    #: Entries of the shared level that were garbage, of another version, or another name's.
    unreadable: int = 0

    @property
    def hit_ratio(self) -> float | None:
        """The share of keys asked for that one of the levels had; None before the first."""
        reads = self.local_hits + self.shared_hits + self.misses
        return (self.local_hits + self.shared_hits) / reads if reads else None


@dataclass(slots=True)
class LinkCounts:
    """The line to Redis or Valkey."""

    failures: int = 0
    #: Commands that were not even tried, as the circuit was open.
    skipped: int = 0
    opened: int = 0
    healed: int = 0
    messages: int = 0
    unreadable_messages: int = 0
    #: Invalidations that wait for the line to heal.
    pending: int = 0


@dataclass(slots=True)
class Statistics:
    entries: int = 0
    evictions: int = 0
    #: Whether the shared level is in use now; None where there is none.
    connected: bool | None = None
    link: LinkCounts = field(default_factory=LinkCounts)
    namespaces: dict[str, SpaceCounts] = field(default_factory=dict)
