"""The part of a plan that is asked for."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from tenfold.model.change import Phase, Plan
from tenfold.model.finding import Priority


def select(plan: Plan, *, priority: Priority | None = None, phases: Collection[Phase] = ()) -> Plan:
    """The changes of at least this urgency and of these phases; of None and none, all.

    A change that is kept may require one that is not: apply says so, unless that one is done already.
    """
    return msgspec.structs.replace(
        plan,
        changes=tuple(
            change
            for change in plan.changes
            if (priority is None or change.priority <= priority) and (not phases or change.phase in phases)
        ),
    )
