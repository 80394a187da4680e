"""The order of a plan: by urgency, each change after what it requires, isolation last and coldest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping

import msgspec

from tenfold.model.change import Change, Phase

_PHASES = tuple(Phase)


def ordered(changes: Iterable[Change], heat: Callable[[Change], float]) -> tuple[Change, ...]:
    """The changes in the order in which they are to be carried out.

    A required change is as urgent as what requires it. `heat` is how busy a change's object is. Raises
    ValueError where changes require each other in a circle.
    """
    by_id = _urgent(_required_first({change.id: change for change in changes}))
    waiting = {change.id: set(change.requires) for change in by_id.values()}
    dependents: dict[str, list[str]] = {}
    for change in by_id.values():
        for needed in change.requires:
            dependents.setdefault(needed, []).append(change.id)
    ready = [(_rank(by_id[name], heat), name) for name, needed in waiting.items() if not needed]
    heapq.heapify(ready)
    order: list[Change] = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(by_id[name])
        for dependent in dependents.get(name, ()):
            waiting[dependent].discard(name)
            if not waiting[dependent]:
                heapq.heappush(ready, (_rank(by_id[dependent], heat), dependent))
    return tuple(order)


def _rank(change: Change, heat: Callable[[Change], float]) -> tuple[bool, float, str, int, str]:
    """Isolation is carried out only when it is named, and then on the coldest table first, to learn on."""
    isolates = change.phase is Phase.ISOLATION
    return (
        isolates,
        heat(change) if isolates else 0.0,
        change.priority,
        _PHASES.index(change.phase),
        change.object,
    )


def _required_first(changes: Mapping[str, Change]) -> list[Change]:
    """Each change after all that it requires."""
    order: dict[str, Change] = {}
    for start in changes:
        # Depth first with a stack of our own: a chain may be as long as the plan.
        stack: list[tuple[str, bool]] = [(start, False)]
        entered: set[str] = set()
        while stack:
            name, complete = stack.pop()
            if complete:
                order.setdefault(name, changes[name])
                entered.discard(name)
            elif name in entered:
                raise ValueError(f"changes require each other in a circle: {', '.join(sorted(entered))}")
            elif name not in order:
                entered.add(name)
                stack.append((name, True))
                stack.extend((needed, False) for needed in changes[name].requires if needed not in order)
    return list(order.values())


def _urgent(changes: list[Change]) -> dict[str, Change]:
    """Each as urgent as the most urgent change that requires it."""
    by_id = {change.id: change for change in changes}
    for change in reversed(changes):
        urgency = by_id[change.id].priority
        for name in change.requires:
            needed = by_id[name]
            if urgency < needed.priority:
                by_id[name] = msgspec.structs.replace(needed, priority=urgency)
    return by_id
