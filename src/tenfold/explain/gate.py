"""Whether a change of schema or query makes a plan worse. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from tenfold.explain.ground import MANY_ROWS
from tenfold.model.explained import Answer
from tenfold.model.gate import Baseline, Compared, GateResult, KeptPlan
from tenfold.model.query_plan import PlanNode

#: Share by which a cost may rise.
TOLERANCE = 0.20

_BY_INDEX = frozenset({"Index Scan", "Index Only Scan", "Bitmap Heap Scan"})


def kept(answer: Answer) -> KeptPlan:
    """What a baseline keeps of the twin's answer."""
    if answer.plan is None:
        return KeptPlan(not_plannable=answer.why_not)
    return KeptPlan(cost=answer.plan.cost, plan=answer.plan.root)


def compare(
    before: Baseline,
    after: Baseline,
    rows: Mapping[str, float],
    tolerance: float = TOLERANCE,
    notes: Iterable[str] = (),
) -> GateResult:
    """Each query of either baseline. `rows` are those of relations at the size, by name."""
    names = sorted(before.queries.keys() | after.queries.keys())
    compared = (
        _compare(name, before.queries.get(name), after.queries.get(name), rows, tolerance) for name in names
    )
    return GateResult(target=after.target, queries=tuple(compared), notes=tuple(notes))


def _compare(
    name: str, before: KeptPlan | None, after: KeptPlan | None, rows: Mapping[str, float], tolerance: float
) -> Compared:
    found = Compared(name=name, change="same", before=before, after=after)
    if before is None or after is None:
        return msgspec.structs.replace(found, change="gone" if after is None else "new")
    if after.plan is None:
        worse = before.plan is not None
        why = f"cannot be planned{' any more' if worse else ''}: {after.not_plannable}"
        return msgspec.structs.replace(found, change="worse" if worse else "same", reasons=(why,))
    if before.plan is None:
        return msgspec.structs.replace(found, change="better", reasons=("can be planned now",))
    reasons = tuple(_worse(before, after, rows, tolerance))
    if reasons:
        return msgspec.structs.replace(found, change="worse", reasons=reasons)
    if _rise(before, after) < -tolerance:
        return msgspec.structs.replace(found, change="better", reasons=(_costs(before, after),))
    if before.plan.shape != after.plan.shape:
        return msgspec.structs.replace(found, change="changed", reasons=(_costs(before, after),))
    return found


def _worse(before: KeptPlan, after: KeptPlan, rows: Mapping[str, float], tolerance: float) -> Iterator[str]:
    assert before.plan is not None
    assert after.plan is not None
    if _rise(before, after) > tolerance:
        yield f"{_costs(before, after)}, {_more(_rise(before, after))}"
    was_found = {node.relation for node in before.plan.walk() if node.type in _BY_INDEX}
    was_read = _read_whole(before.plan)
    for relation in sorted(_read_whole(after.plan) & {name for name in was_found if name} - was_read):
        count = rows.get(relation, 0.0)
        if count >= MANY_ROWS:
            yield f"an index found rows of {relation}, and now all {count:,.0f} are read"


def _read_whole(plan: PlanNode) -> set[str]:
    return {node.relation for node in plan.walk() if node.type == "Seq Scan" and node.relation is not None}


def _rise(before: KeptPlan, after: KeptPlan) -> float:
    """Share by which the cost rose; below zero where it fell."""
    was, is_ = before.cost or 0.0, after.cost or 0.0
    if was == 0:
        return 0.0 if is_ == 0 else float("inf")
    return is_ / was - 1


def _more(rise: float) -> str:
    return f"up by {rise:.0%}" if rise < 1 else f"{rise + 1:,.1f} times as much"


def _costs(before: KeptPlan, after: KeptPlan) -> str:
    return f"cost {before.cost or 0:,.2f} -> {after.cost or 0:,.2f}"
