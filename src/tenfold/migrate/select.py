"""The part of a plan that is asked for."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from tenfold.model.change import Change, Phase, Plan, Skipped
from tenfold.model.finding import Priority


def select(
    plan: Plan,
    *,
    priority: Priority | None = None,
    phases: Collection[Phase] = (),
    objects: Collection[str] = (),
) -> Plan:
    """The changes of at least this urgency, of these phases and of these objects; of None and none, all.

    A change that requires one that was not asked for is left out with it, and the plan says so: what is left
    can be carried out by itself.
    """
    kept: dict[str, Change] = {}
    asked = [change for change in plan.changes if _is_asked_for(change, priority, phases, objects)]
    left_out: list[Skipped] = []
    by_id = {change.id: change for change in plan.changes}
    for change in asked:
        missing = next((by_id[name] for name in change.requires if name not in kept), None)
        if missing is None:
            kept[change.id] = change
        else:
            why = f"it requires '{missing.title}' (phase {missing.phase}, {missing.priority})"
            left_out.append(Skipped(change.findings, change.title, why))
    return msgspec.structs.replace(plan, changes=tuple(kept.values()), skipped=(*plan.skipped, *left_out))


def _is_asked_for(
    change: Change, priority: Priority | None, phases: Collection[Phase], objects: Collection[str]
) -> bool:
    urgent = priority is None or change.priority <= priority
    return urgent and (not phases or change.phase in phases) and (not objects or change.object in objects)
