"""Tries indexes for one query on a twin, and says which keeps it cheap."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.errors import UsageError
from tenfold.model.calibration import Calibration
from tenfold.model.forecast import IndexAdvice
from tenfold.model.remedy import CreateIndex
from tenfold.model.remedy_sql import statements
from tenfold.projection.asking import Answer, Asker, ask
from tenfold.projection.workload import Query
from tenfold.twin.scale import Scale

#: An index is worth its upkeep where the query costs so many times less.
WORTH = 2.0
# Of indexes that serve about alike, the smaller one.
_ALIKE = 1.05
_PAGE = 8192


def best_index(
    scale: Scale,
    asker: Asker,
    query: Query,
    today: Answer,
    tried: Sequence[CreateIndex],
    *,
    calibration: Calibration | None,
    hit_ratio: float,
) -> IndexAdvice | None:
    """The one that makes the query cheapest at the size that the scale has; None where none is worth it."""
    if today.plan is None:
        return None
    best: IndexAdvice | None = None
    for remedy in tried:
        found = _tried(scale, asker, query, today.plan.cost, remedy, calibration, hit_ratio)
        if found is not None and _is_better(found, best):
            best = found
    return best


def _is_better(found: IndexAdvice, best: IndexAdvice | None) -> bool:
    if found.cost_with * WORTH > found.cost_without:
        return False
    if best is None or found.cost_with * _ALIKE < best.cost_with:
        return True
    return found.cost_with <= best.cost_with * _ALIKE and found.bytes < best.bytes


def _tried(
    scale: Scale,
    asker: Asker,
    query: Query,
    cost: float,
    remedy: CreateIndex,
    calibration: Calibration | None,
    hit_ratio: float,
) -> IndexAdvice | None:
    (definition,) = statements(remedy)
    plain = definition.replace("CREATE INDEX CONCURRENTLY ", "CREATE INDEX ", 1)
    try:
        with scale.what_if.created(plain) as index:
            (answer,) = ask(scale, asker, [query], calibration=calibration, hit_ratio=hit_ratio)
    except UsageError:  # a type without an order, say: one candidate less
        return None
    if answer.plan is None:
        return None
    relation = scale.snapshot.relation_by_name[remedy.table.schema, remedy.table.name]
    return IndexAdvice(
        # A partitioned table's index is declared on it; it cannot be built concurrently there.
        definition=plain if relation.kind == "p" else definition,
        bytes=index.pages * _PAGE,
        cost_without=cost,
        cost_with=answer.plan.cost,
        milliseconds_with=answer.milliseconds,
    )
