"""Asks a twin and a server that really has the rows the same questions: is what the twin says true?

The twin knows a small database and the row counts of the large one, so that what is judged is how statistics
and lengths were grown, not how many rows were guessed. Parameters are drawn from the large one's statistics
and are the same for both.
"""

from __future__ import annotations

import statistics
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from tenfold.bench.likeness import Pages, Pair, Timed
from tenfold.bench.workload import draw_parameters
from tenfold.errors import StatementError
from tenfold.growth import grow
from tenfold.model.activity import Statement
from tenfold.model.calibration import Calibration, CostSettings
from tenfold.model.ddl import literal, qualified
from tenfold.model.growth import Growth
from tenfold.model.query_plan import QueryPlan
from tenfold.model.relations import Index
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import Connection, execute_script
from tenfold.pg.explain import explain_analyze, explain_plan
from tenfold.statements.compared import compared
from tenfold.twin.parameters import sample_parameters
from tenfold.twin.scale import Scale
from tenfold.twin.work import decompose

#: Executions of each statement after one that warms up.
ROUNDS = 3

#: Of `$1, $2, ...` in text form; None: the plan is the generic one.
Values = tuple[str | None, ...] | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what of the schema is there."""

    name: str
    role: str | None = None
    #: Whose values are drawn, and what the session has set; None: the generic plan.
    tenant: str | None = None
    #: The twin draws its own values, from its own statistics by the same rule, as a forecast does.
    own: bool = False
    #: Indexes that the planner does not see, as (schema, name).
    hidden: tuple[tuple[str, str], ...] = ()


def real_growth(small: Snapshot, large: Snapshot) -> Growth:
    """The rows that the large database really has, told for the small one; both span the same time."""
    rows = {
        relation.oid: large.relation_by_name[relation.schema, relation.name].rows
        for relation in small.relations
        if relation.kind in ("r", "m") and (relation.schema, relation.name) in large.relation_by_name
    }
    return Growth(rows=rows, retained=frozenset(relation.oid for relation in small.relations))


def grown(small: Snapshot, large: Snapshot, tenancy: Tenancy) -> Snapshot:
    """The small database at the rows of the large one, by the model of `tenfold.growth` alone."""
    return grow(small, tenancy, real_growth(small, large)).snapshot


class Both:
    """A twin at the large size and a live session on the database that really is of that size.

    The session's role must own the indexes that a case hides and be a superuser.
    """

    def __init__(
        self,
        scale: Scale,
        connection: Connection,
        large: Snapshot,
        tenancy: Tenancy,
        statements: Sequence[Statement],
    ) -> None:
        self._scale = scale
        self._connection = connection
        self._large = large
        self._tenancy = tenancy
        self._statements = statements
        self._compared = {statement.text: compared(statement.text) for statement in statements}

    def ask(self, case: Case) -> list[Pair]:
        """A pair for each statement. Raises NotPlannableError where the twin cannot tell."""
        with self._hidden(case):
            pairs = []
            for statement, values in self._questions(case):
                own = self._values(self._scale.snapshot, statement, case) if case.own else values
                predicted = self._scale.explain(
                    statement.text, own, role=case.role, settings=self._settings(case)
                )
                real = self._real(statement, values, case)
                pairs.append(Pair(query=_name(statement), case=case.name, predicted=predicted, real=real))
            return pairs

    def again(self, case: Case, pairs: Sequence[Pair]) -> list[Pair]:
        """The server now in the place of the twin: after another ANALYZE, what nobody can predict better."""
        with self._hidden(case):
            return [
                msgspec.structs.replace(pair, predicted=self._real(statement, values, case))
                for (statement, values), pair in zip(self._questions(case), pairs, strict=True)
            ]

    def time(self, case: Case, calibration: Calibration) -> list[Timed]:
        """Predicted and measured milliseconds with planning, of warm executions that are rolled back.

        Values are those of a row of the tenant, so that what is joined is found. Statements whose cost cannot
        be taken apart, or that the server refuses to run, are left out.
        """
        with self._hidden(case):
            timed = (self._timed(statement, case, calibration) for statement in self._statements)
            return [entry for entry in timed if entry is not None]

    @property
    def predicted(self) -> Snapshot:
        """The large database as the twin has it."""
        return self._scale.snapshot

    # --- parts ---

    def _questions(self, case: Case) -> Iterator[tuple[Statement, Values]]:
        for statement in self._statements:
            yield statement, self._values(self._large, statement, case)

    def _values(self, snapshot: Snapshot, statement: Statement, case: Case) -> Values:
        if "$" not in statement.text:
            return ()
        if case.tenant is None:
            return None
        wanted = self._compared[statement.text]
        return sample_parameters(snapshot, self._tenancy, statement.text, case.tenant, wanted=wanted)

    def _real(self, statement: Statement, values: Values, case: Case) -> QueryPlan:
        return explain_plan(
            self._connection, statement.text, values, role=case.role, settings=self._settings(case)
        )

    def _settings(self, case: Case) -> dict[str, str]:
        return {self._tenancy.setting: case.tenant} if case.tenant is not None else {}

    def _timed(
        self,
        statement: Statement,
        case: Case,
        calibration: Calibration,
    ) -> Timed | None:
        values = draw_parameters(
            self._connection, self._large, statement.text, self._tenancy, case.tenant or ""
        )

        def explain(prices: Mapping[str, str]) -> QueryPlan:
            return self._scale.explain(
                statement.text, values, role=case.role, settings=self._settings(case) | dict(prices)
            )

        work = decompose(explain, CostSettings())
        if work is None:
            return None
        try:
            plans = [
                explain_analyze(
                    self._connection, statement.text, values, role=case.role, settings=self._settings(case)
                )
                for _ in range(ROUNDS + 1)
            ][1:]
        except StatementError:
            return None  # a value drawn from statistics may break a key or a check
        return Timed(
            query=_name(statement),
            case=case.name,
            predicted=calibration.milliseconds(work, hit_ratio=1.0),
            measured=statistics.median(plan["Planning Time"] + plan["Execution Time"] for plan in plans),
        )

    @contextmanager
    def _hidden(self, case: Case) -> Generator[None]:
        """The case's indexes out of the planner's sight, in both."""
        try:
            for schema, name in case.hidden:
                self._scale.what_if.hide(schema, name)
            self._show(case, shown=False)
            yield
        finally:
            for schema, name in case.hidden:
                self._scale.what_if.show(schema, name)
            self._show(case, shown=True)

    def _show(self, case: Case, *, shown: bool) -> None:
        if case.hidden:
            names = ", ".join(f"{literal(qualified(*index))}::regclass" for index in case.hidden)
            execute_script(
                self._connection,
                f"UPDATE pg_index SET indisvalid = {shown} WHERE indexrelid = ANY (ARRAY[{names}])",
            )


def lengths_of(predicted: Snapshot, real: Snapshot) -> Iterator[Pages]:
    """Pages of tables and indexes, beside those that they really have."""
    for relation in real.relations:
        twin = predicted.relation_by_name.get((relation.schema, relation.name))
        if twin is not None and relation.kind in ("r", "m"):
            yield Pages(relation.name, "heap", twin.pages, relation.pages)
    names = {_place(predicted, index): index for index in predicted.indexes}
    for index in real.indexes:
        found = names.get(_place(real, index))
        if found is not None and real.relation_by_oid[index.relation].kind != "p":
            yield Pages(index.name, index.method, found.pages, index.pages)


def _place(snapshot: Snapshot, index: Index) -> tuple[str, str]:
    return snapshot.relation_by_oid[index.relation].schema, index.name


def _name(statement: Statement) -> str:
    return statement.name or "statement"
