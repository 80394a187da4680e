"""Fences in the process: a fill passes only if nothing that it depends on was invalidated since it began.

A load opens a ticket on the names of its value, scope and tags before it reads anything. Breaking a name
marks every open ticket on it. Only open tickets take memory, so nothing can be evicted, and no generation
can come back: a mark is never taken off.
"""

from __future__ import annotations

from collections.abc import Iterable


class Ticket:
    """One load in flight. `valid` turns False for ever when one of its names is broken."""

    __slots__ = ("names", "valid")

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.valid = True


class Fences:
    def __init__(self) -> None:
        self._open: dict[str, set[Ticket]] = {}

    def open(self, names: Iterable[str]) -> Ticket:
        """A ticket on these names, to be closed whatever happens."""
        ticket = Ticket(frozenset(names))
        for name in ticket.names:
            self._open.setdefault(name, set()).add(ticket)
        return ticket

    def extend(self, ticket: Ticket, names: Iterable[str]) -> None:
        """The ticket depends on these names too, from now on."""
        more = frozenset(names) - ticket.names
        ticket.names |= more
        for name in more:
            self._open.setdefault(name, set()).add(ticket)

    def close(self, ticket: Ticket) -> None:
        for name in ticket.names:
            tickets = self._open.get(name)
            if tickets is not None:
                tickets.discard(ticket)
                if not tickets:
                    del self._open[name]

    def breach(self, names: Iterable[str]) -> None:
        """Whoever began before this may not fill any of these names."""
        for name in names:
            for ticket in self._open.get(name, ()):
                ticket.valid = False

    def breach_all(self) -> None:
        for tickets in self._open.values():
            for ticket in tickets:
                ticket.valid = False

    def __len__(self) -> int:
        """How many names are held; 0 when no load is in flight."""
        return len(self._open)
