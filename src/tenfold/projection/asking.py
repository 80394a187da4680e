"""Asks a twin at one size for the plans of all queries, and what they would take there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import msgspec

from tenfold.errors import NotPlannableError
from tenfold.growth.rows import rows_today
from tenfold.model.calibration import Calibration, CostSettings
from tenfold.model.query_plan import QueryPlan
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.course import Stop
from tenfold.projection.workload import Query, plannable
from tenfold.statements.compared import Compared, compared
from tenfold.statements.values import without_values
from tenfold.twin.parameters import largest_tenant, sample_parameters
from tenfold.twin.planner_settings import session_settings
from tenfold.twin.scale import Scale
from tenfold.twin.work import Explain, decompose

#: Values of `$1, $2, ...`; None for the plan without values.
Parameters: TypeAlias = tuple[str | None, ...] | None

# A tenant for policies to read where no value is known: type name -> a value of it.
_ANY_TENANT = {"uuid": "00000000-0000-0000-0000-000000000000"}


class Asker(msgspec.Struct, frozen=True):
    """Who asks: as which role, for which tenant, what is compared with which parameter."""

    tenancy: Tenancy
    role: str | None
    prices: CostSettings
    compared: Mapping[str, dict[int, Compared]]

    @classmethod
    def of(cls, snapshot: Snapshot, tenancy: Tenancy, role: str | None, queries: Sequence[Query]) -> Asker:
        told = session_settings(snapshot, role)
        known = {name: float(told[name]) for name in CostSettings.__struct_fields__ if name in told}
        return cls(
            tenancy,
            role,
            CostSettings(**known),
            {query.text: compared(plannable(query.text)) for query in queries},
        )


class Answer(msgspec.Struct, frozen=True):
    """A query's plan, or why there is none; its time where it was asked for."""

    plan: QueryPlan | None
    reason: str | None = None
    generic: bool = False
    milliseconds: float | None = None


class Visit(msgspec.Struct, frozen=True, dict=True):
    """A size that was asked: its answers are in the order of the queries."""

    stop: Stop
    #: The database at that size.
    snapshot: Snapshot
    answers: tuple[Answer, ...]

    @cached_property
    def rows(self) -> Mapping[int, float]:
        """By relation oid."""
        return rows_today(self.snapshot)


def ask(
    scale: Scale,
    asker: Asker,
    queries: Sequence[Query],
    *,
    calibration: Calibration | None = None,
    hit_ratio: float = 1.0,
    timed: Callable[[int], bool] = lambda _number: True,
) -> tuple[Answer, ...]:
    """The answers at the size that the scale has now. `timed` says of which queries times are wanted."""
    tenant = tenant_at(scale.snapshot, asker)
    asked = [_asked(scale, asker, query, tenant) for query in queries]
    if calibration is None:
        return tuple(answer for answer, _ in asked)
    # In a round of its own, since prices are given to the session and taken back: that takes longer.
    return tuple(
        msgspec.structs.replace(answer, milliseconds=_time(explain, asker, calibration, hit_ratio))
        if answer.plan is not None and timed(number)
        else answer
        for number, (answer, explain) in enumerate(asked)
    )


def tenant_at(snapshot: Snapshot, asker: Asker) -> str | None:
    """The largest tenant of that size; any value of the type where statistics name none."""
    tenant = largest_tenant(snapshot, asker.tenancy)
    if tenant is None and asker.tenancy.column is not None:
        return _ANY_TENANT.get(asker.tenancy.column_type or "", "1")
    return tenant


def settings_for(asker: Asker, tenant: str | None) -> dict[str, str]:
    """What the session has set: the tenant, for policies to read."""
    return {asker.tenancy.setting: tenant} if tenant is not None else {}


def question(scale: Scale, asker: Asker, query: Query, tenant: str | None) -> tuple[str, Parameters]:
    """The statement as the server takes it, and values for its parameters; None where there are none."""
    text, known = plannable(query.text), asker.compared[query.text]
    if "$" not in text:
        return text, None
    return text, sample_parameters(scale.snapshot, asker.tenancy, text, tenant, wanted=known)


def _asked(scale: Scale, asker: Asker, query: Query, tenant: str | None) -> tuple[Answer, Explain]:
    """The answer, and the way to ask for the same plan at other prices."""
    text, drawn = question(scale, asker, query, tenant)
    settings = settings_for(asker, tenant)
    reason = None
    # A value that was drawn may not be one that the statement takes: then without values.
    for parameters in dict.fromkeys((drawn, None)):

        def explain(prices: Mapping[str, str], parameters: Parameters = parameters) -> QueryPlan:
            return scale.explain(text, parameters, role=asker.role, settings={**settings, **prices})

        try:
            plan = explain({})
        except NotPlannableError as refused:
            reason = reason or refused.message
        else:
            # Parameters are drawn from statistics, so they are values of users' rows.
            shown = without_values(plan, query.text)
            return Answer(shown, generic=parameters is None and "$" in text), explain
    return Answer(None, reason), explain


def _time(explain: Explain, asker: Asker, calibration: Calibration, hit_ratio: float) -> float | None:
    """Milliseconds; None where the plan does not hold still at other prices."""
    work = decompose(explain, asker.prices)
    return calibration.milliseconds(work, hit_ratio=hit_ratio) if work is not None else None
