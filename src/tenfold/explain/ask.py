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
    UsageError,
    did_you_mean,
)
from tenfold.explain.ground import Ground
from tenfold.explain.questions import Question
from tenfold.explain.verdicts import verdicts
from tenfold.model.explained import REAL, Answer
from tenfold.model.query_plan import QueryPlan
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import Connection
from tenfold.pg.explain import explain_reading
from tenfold.statements.values import without_values
from tenfold.twin.parameters import sample_parameters
from tenfold.twin.planner_settings import PLANNER_SETTINGS, session_settings
from tenfold.twin.scale import Scale


class Size(msgspec.Struct, frozen=True):
    """The database at one size, and what it is called."""

    label: str
    snapshot: Snapshot


class Changes(msgspec.Struct, frozen=True):
    """Indexes that are there for the question, or are not."""

    #: CREATE INDEX statements.
    made: tuple[str, ...] = ()
    #: Names of the source's indexes, with or without their schema.
    hidden: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.made or self.hidden)


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
    scale: Scale,
    size: Size,
    questions: Iterable[Question],
    tenancy: Tenancy,
    asking: Asking,
    changes: Changes | None = None,
) -> tuple[Answer, ...]:
    """The twin's answer to each question at one size, which the scale takes, with its indexes changed.

    Raises UsageError for an index that cannot be made, and one that is not there.
    """
    scale.load(size.snapshot)
    for definition in changes.made if changes is not None else ():
        scale.what_if.create(definition)
    for name in changes.hidden if changes is not None else ():
        scale.what_if.hide(*_index_named(size.snapshot, name))
    ground = Ground(size.snapshot, tenancy, asking.role)
    answers = (_ask(scale, size, question, ground, asking) for question in questions)
    return tuple(msgspec.structs.replace(answer, changed=bool(changes)) for answer in answers)


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


def _index_named(snapshot: Snapshot, name: str) -> tuple[str, str]:
    """Schema and name. Raises UsageError where no index is called that."""
    known = {
        (snapshot.relation_by_oid[index.relation].schema, index.name)
        for index in snapshot.indexes
        if index.relation in snapshot.relation_by_oid
    }
    schema, _, bare = name.rpartition(".")
    found = [each for each in known if each[1] == bare and (not schema or each[0] == schema)]
    if not found:
        near = did_you_mean(bare, (index for _, index in known))
        raise UsageError(f"there is no index {name} to leave out{near}")
    return min(found, key=lambda each: (each[0] != "public", each))


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
