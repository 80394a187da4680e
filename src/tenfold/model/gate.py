"""What a gate keeps of plans, and what it says when they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from tenfold.model.query_plan import PlanNode

#: worse fails; the others are told.
Change = Literal["worse", "changed", "better", "same", "new", "gone"]


class Target(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """At which size, and as whom, the plans were asked for."""

    #: `100x`, or the date of a scenario's last point.
    size: str
    role: str | None = None


class KeptPlan(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One query's plan, as EXPLAIN says it, without values; or why there was none."""

    cost: float | None = None
    plan: PlanNode | None = None
    not_plannable: str | None = None


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The plans of named queries at one size."""

    version: int
    target: Target
    queries: Mapping[str, KeptPlan]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One query, then and now."""

    name: str
    change: Change
    #: Why it is worse, or what else there is to say, a clause each.
    reasons: tuple[str, ...] = ()
    before: KeptPlan | None = None
    after: KeptPlan | None = None


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """All queries, by name."""

    target: Target
    queries: tuple[Compared, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return any(query.change == "worse" for query in self.queries)
