"""Asks the twin, and a live server, for the plans of statements, and judges them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from tenfold.errors import (
    LockTimeoutError,
    NotPlannableError,
    PrivilegeError,
    StatementError,
    StatementTimeoutError,
)
from tenfold.explain.ground import Ground
from tenfold.explain.questions import Question
from tenfold.explain.values import without_values
from tenfold.explain.verdicts import verdicts
from tenfold.model.explained import REAL, Answer
from tenfold.model.query_plan import QueryPlan
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import Connection
from tenfold.pg.explain import explain_reading
from tenfold.twin.parameters import sample_parameters
from tenfold.twin.planner_settings import PLANNER_SETTINGS, session_settings
from tenfold.twin.scale import Scale


class Size(msgspec.Struct, frozen=True):
    """The database at one size, and what it is called."""

    label: str
    snapshot: Snapshot


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """As whom, and with which values."""

    role: str | None = None
    #: The tenant that is set and passed; None where there is none.
    tenant: str | None = None
    #: The run-time setting that carries the tenant.
    setting: str = ""
    #: Values for `$1, $2, ...`; None: drawn from the statistics.
    given: tuple[str, ...] | None = None
    #: Plan for no values in particular.
    generic: bool = False
    #: Whether the tenant was named by the caller, and may be shown.
    tenant_named: bool = False

    @property
    def settings(self) -> dict[str, str]:
        return {self.setting: self.tenant} if self.setting and self.tenant is not None else {}


def ask_twin(
    scale: Scale, size: Size, questions: Iterable[Question], tenancy: Tenancy, asking: Asking
) -> tuple[Answer, ...]:
    """The twin's answer to each question at one size, which the scale takes."""
    scale.load(size.snapshot)
    ground = Ground(size.snapshot, tenancy, asking.role)
    return tuple(_ask(scale, size, question, ground, asking) for question in questions)


def ask_source(
    connection: Connection,
    snapshot: Snapshot,
    question: Question,
    tenancy: Tenancy,
    asking: Asking,
    timeout: float,
) -> Answer:
    """Runs the statement on the source, where it can change nothing, for at most `timeout` seconds."""
    answer = partial(Answer, size=REAL)
    if question.writes:
        return answer(why_not="not run, because it writes or locks rows")
    values = _values(snapshot, question, tenancy, asking)
    if values is None:
        return answer(why_not="not run: no value for a parameter can be drawn; give them with --param")
    settings = session_settings(snapshot, asking.role) if asking.role is not None else {}
    try:
        plan = explain_reading(
            connection,
            question.text,
            values,
            role=asking.role,
            settings={name: value for name, value in settings.items() if name in PLANNER_SETTINGS}
            | asking.settings,
            search_path=settings.get("search_path"),
            statement_timeout=timeout,
        )
    except StatementTimeoutError:
        return answer(why_not=f"cancelled after {timeout:g} s")
    except (StatementError, PrivilegeError, LockTimeoutError) as error:
        return answer(why_not=error.message)
    return _judged(plan, question, Ground(snapshot, tenancy, asking.role), asking, answer)


def _ask(scale: Scale, size: Size, question: Question, ground: Ground, asking: Asking) -> Answer:
    values = None if asking.generic else _values(size.snapshot, question, ground.tenancy, asking)
    answer = partial(Answer, size=size.label, generic=values is None and "$" in question.text)
    try:
        plan = scale.explain(question.text, values, role=asking.role, settings=asking.settings)
    except NotPlannableError as error:
        return answer(why_not=error.message)
    return _judged(plan, question, ground, asking, answer)


def _values(
    snapshot: Snapshot, question: Question, tenancy: Tenancy, asking: Asking
) -> Sequence[str | None] | None:
    if asking.given is not None:
        return asking.given
    return sample_parameters(snapshot, tenancy, question.text, asking.tenant)


def _judged(
    plan: QueryPlan, question: Question, ground: Ground, asking: Asking, answer: partial[Answer]
) -> Answer:
    said = [*(asking.given or ()), asking.setting]
    if asking.tenant_named:
        said.append(asking.tenant or "")
    return answer(plan=without_values(plan, question.text, said), verdicts=verdicts(plan, ground))
