"""The forecast: every query on a twin at every point, sizes, what breaks when, and what would help.

The twin is asked at the points first, and then at a bounded number of sizes between them, each where most is
still open: which plans change there, which budgets are passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from tenfold.growth import grow
from tenfold.model.calibration import Calibration
from tenfold.model.forecast import (
    Break,
    Forecast,
    ForecastPoint,
    IndexAdvice,
    PlanChange,
    QueryForecast,
    QueryKind,
    QueryPoint,
    TimeBasis,
    broken,
)
from tenfold.model.growth import Assumption
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.asking import Answer, Asker, Visit, ask
from tenfold.projection.course import Course, FactorCourse, Stop
from tenfold.projection.crossings import Seen, Span, change_between, first_passed, passed_at, widest_open
from tenfold.projection.exponent import growth_exponent
from tenfold.projection.forecast_notes import notes_on
from tenfold.projection.index_candidates import candidates
from tenfold.projection.index_trial import best_index
from tenfold.projection.memory import hit_ratio_at
from tenfold.projection.query_kind import budget_of, query_kind
from tenfold.projection.row_security import tables_bound
from tenfold.projection.table_sizes import rows_at, table_sizes, total_bytes
from tenfold.projection.workload import Query, Workload, plannable
from tenfold.statements.shape import Shape
from tenfold.statements.text import parse, shown
from tenfold.twin.parameters import relation_named
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin

#: Queries that are named as the first to break, and those that indexes are tried for.
FIRST, ADVISED = 10, 15
#: Sizes between the points that are asked.
SEARCHED = 10
#: A scan of a whole table of fewer rows is no matter.
SMALL_TABLE_ROWS = 10_000
#: Below this power of the rows a cost is taken to stay.
_STAYS = 0.05

Progress = Callable[[str], None]


def forecast(
    snapshot: Snapshot,
    tenancy: Tenancy,
    course: Course,
    workload: Workload,
    *,
    role: str | None = None,
    budgets: Budgets = Budgets(),  # noqa: B008 - frozen
    calibration: Calibration | None = None,
    progress: Progress = lambda _step: None,
) -> Forecast:
    """Raises TwinError and EmbeddedServerError where the twin cannot be built. Nothing is left behind.

    Without a calibration, a query's time is the mean that pg_stat_statements has, growing as its cost; a query
    that was not recorded has none, and passes no budget.
    """
    with Twin(snapshot, progress) as twin:
        run = _Run(snapshot, tenancy, course, workload.queries, role, budgets, calibration, progress)
        scale = twin.scale()
        run.visit_points(scale)
        advice = run.advise(scale)
        run.search(scale)
        not_carried, refused = twin.not_carried, tuple(scale.refused_statistics)
    queries = run.forecasts(advice)
    visits = run.at_points()
    tables = table_sizes(visits)
    return Forecast(
        database=snapshot.database.name,
        server_version=snapshot.server.version,
        taken=snapshot.server.now,
        axis="factor" if isinstance(course, FactorCourse) else "date",
        points=tuple(
            ForecastPoint(
                at=visit.stop.at,
                tenants=visit.stop.point.tenants if visit.stop.point is not None else None,
                rows=sum(table.rows[number] for table in tables),
                bytes=sum(table.total_bytes(number) for table in tables),
            )
            for number, visit in enumerate(visits)
        ),
        tables=tables,
        queries=queries,
        first=tuple(query.name for query in first_to_look_at(queries)[:FIRST]),
        budgets=budgets,
        assumptions=_told(snapshot, run.assumptions),
        not_carried=not_carried,
        calibration=calibration,
        notes=(*workload.notes, *notes_on(snapshot, course, queries, role, calibration, refused)),
    )


def first_to_look_at(queries: Sequence[QueryForecast]) -> list[QueryForecast]:
    """By when they pass their budget; behind them those without a time, by how fast they grow, then by cost."""
    growing = [
        query for query in queries if query.basis is None and query.last and (query.exponent or 0) > _STAYS
    ]
    return [*broken(queries), *sorted(growing, key=_growth_order)]


def _growth_order(query: QueryForecast) -> tuple[float, float]:
    assert query.last is not None
    return (-round(query.exponent or 0.0, 1), -query.last.cost)


class _Run:
    """The visits to a twin, and what is known from them."""

    def __init__(
        self,
        snapshot: Snapshot,
        tenancy: Tenancy,
        course: Course,
        queries: Sequence[Query],
        role: str | None,
        budgets: Budgets,
        calibration: Calibration | None,
        progress: Progress,
    ) -> None:
        self._snapshot, self._tenancy, self._course = snapshot, tenancy, course
        self._queries, self._role, self._budgets = queries, role, budgets
        self._calibration, self._progress = calibration, progress
        self._asker = Asker.of(snapshot, tenancy, role, queries)
        self._shapes = [_shape(query.text, snapshot) for query in queries]
        self._bound = tables_bound(snapshot, role)
        self._visits: list[Visit] = []
        self._touched: tuple[int, ...] = ()
        self._bytes_today = 0
        # By what they are about: at a larger size the same is said with other figures.
        self._assumptions: dict[tuple[str, int, int | None], Assumption] = {}

    # --- asking --------------------------------------------------------------------------------------

    def visit_points(self, scale: Scale) -> None:
        for stop in self._course.stops:
            self._visit(scale, stop, lambda _number: True)

    def search(self, scale: Scale) -> None:
        """Visits sizes between the points, while something is open between two of them."""
        barred = [
            Span(self._course.stops[number - 1].at.position, stop.at.position)
            for number, stop in enumerate(self._course.stops)
            if number and self._course.jumps_to(number)
        ]
        for _ in range(SEARCHED):
            courses = [self._seen(number) for number in range(len(self._queries))]
            limits = [self._budget(number) for number in range(len(self._queries))]
            span = widest_open(courses, limits, barred, self._course.narrow)
            if span is None:
                return
            passing = {
                number
                for number, seen in enumerate(courses)
                if (passed := first_passed(seen, limits[number])) and seen[passed].position == span.high
            }
            self._visit(scale, self._course.between(span.middle), passing.__contains__)

    def _visit(self, scale: Scale, stop: Stop, timed: Callable[[int], bool]) -> None:
        self._progress(f"asking at {stop.at.label}")
        grown = grow(self._snapshot, self._tenancy, stop.growth)
        for each in stop.point.assumptions if stop.point is not None else ():
            self._assumptions["told", each.relation, each.column] = each
        for each in grown.assumptions:
            self._assumptions["grown", each.relation, each.column] = each
        scale.load(grown.snapshot)
        answers = ask(
            scale,
            self._asker,
            self._queries,
            calibration=self._calibration,
            hit_ratio=self._hit_ratio(grown.snapshot),
            timed=timed,
        )
        self._visits.append(Visit(stop, grown.snapshot, answers))
        self._visits.sort(key=lambda visit: visit.stop.at.position)
        if len(self._visits) == 1:
            plans = (answer.plan.root for answer in answers if answer.plan is not None)
            self._touched = tuple(dict.fromkeys(oid for plan in plans for oid in self._read_by(plan)))
            self._bytes_today = total_bytes(grown.snapshot, self._touched)

    def _hit_ratio(self, grown: Snapshot) -> float:
        if self._calibration is None:
            return 1.0
        then = total_bytes(grown, self._touched) if self._touched else 0
        known = self._calibration
        return hit_ratio_at(known.hit_ratio, known.cache_bytes, self._bytes_today, then)

    def advise(self, scale: Scale) -> dict[int, IndexAdvice]:
        """By number of the query. The scale has the size of the last point, which was visited last."""
        last = self._visits[-1]
        names = {query.name: number for number, query in enumerate(self._queries)}
        advice = {}
        for each in first_to_look_at(self.forecasts({}))[:ADVISED]:
            number = names[each.name]
            shape = self._shapes[number]
            if shape is None:
                continue
            self._progress(f"indexes for {each.name}")
            found = best_index(
                scale,
                self._asker,
                self._queries[number],
                last.answers[number],
                candidates(shape, last.snapshot, self._tenancy, bound=self._bound),
                calibration=self._calibration,
                hit_ratio=self._hit_ratio(last.snapshot),
            )
            if found is not None:
                advice[number] = self._with_time(found, number)
        return advice

    def _with_time(self, advice: IndexAdvice, number: int) -> IndexAdvice:
        if advice.milliseconds_with is not None:
            return advice
        at_last = self._times(number)[-1]
        if at_last is None:
            return advice
        return msgspec.structs.replace(
            advice, milliseconds_with=at_last * advice.cost_with / advice.cost_without
        )

    # --- what is known -------------------------------------------------------------------------------

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        return tuple(self._assumptions.values())

    def at_points(self) -> list[Visit]:
        stops = {id(stop) for stop in self._course.stops}
        return [visit for visit in self._visits if id(visit.stop) in stops]

    def forecasts(self, advice: dict[int, IndexAdvice]) -> tuple[QueryForecast, ...]:
        return tuple(self._forecast(number, advice.get(number)) for number in range(len(self._queries)))

    def _forecast(self, number: int, advice: IndexAdvice | None) -> QueryForecast:
        query = self._queries[number]
        kind = self._kind(number)
        answers = [visit.answers[number] for visit in self._visits]
        planned = [answer.plan is not None for answer in answers]
        common = {
            "name": query.name,
            "text": shown(query.text),
            "kind": kind,
            "budget_ms": budget_of(kind, self._budgets),
            "calls": query.calls,
            "mean_ms": query.mean_ms,
            "role": self._role,
        }
        if not any(planned):
            return QueryForecast(**common, reason=answers[0].reason)
        points = tuple(self._point(visit, number) for visit in self.at_points())
        return QueryForecast(
            **common,
            generic=any(answer.generic for answer in answers),
            points=points,
            basis=self._basis(number),
            exponent=self._exponent(number, points),
            changes=tuple(self._changes(number)),
            breaks=self._break(number),
            advice=advice,
            full_scans=self._full_scans(points[-1]),
        )

    def _point(self, visit: Visit, number: int) -> QueryPoint | None:
        plan = visit.answers[number].plan
        if plan is None:
            return None
        milliseconds = self._times(number)[self._visits.index(visit)]
        return QueryPoint(cost=plan.cost, rows=plan.root.rows, milliseconds=milliseconds, plan=plan.root)

    def _kind(self, number: int) -> QueryKind:
        query = self._queries[number]
        plan = self._visits[0].answers[number].plan
        return query.kind or query_kind(query.text, self._shapes[number], plan.root if plan else None)

    def _budget(self, number: int) -> float:
        return budget_of(self._kind(number), self._budgets)

    def _seen(self, number: int) -> list[Seen]:
        times = self._times(number)
        return [
            Seen(visit.stop.at.position, answer.plan.shape if answer.plan else None, time)
            for visit, time in zip(self._visits, times, strict=True)
            for answer in (visit.answers[number],)
        ]

    def _basis(self, number: int) -> TimeBasis | None:
        if any(visit.answers[number].milliseconds is not None for visit in self._visits):
            return "calibration"
        has_cost = self._visits[0].answers[number].plan is not None
        return "mean time" if self._queries[number].mean_ms is not None and has_cost else None

    def _times(self, number: int) -> list[float | None]:
        """Milliseconds by visit: those of the calibration; between them, and without one, as the cost grows."""
        answers = [visit.answers[number] for visit in self._visits]
        known = [
            (at, answer.milliseconds / answer.plan.cost)
            for at, answer in enumerate(answers)
            if answer.milliseconds is not None and answer.plan is not None and answer.plan.cost > 0
        ]
        mean, first = self._queries[number].mean_ms, answers[0].plan
        if not known and mean is not None and first is not None and first.cost > 0:
            known = [(0, mean / first.cost)]
        return [_time(answer, at, known) for at, answer in enumerate(answers)]

    def _exponent(self, number: int, points: Sequence[QueryPoint | None]) -> float | None:
        read = dict.fromkeys(oid for point in points if point for oid in self._read_by(point.plan))
        visits = self.at_points()
        rows = [sum(rows_at(visit.snapshot, oid) for oid in read) for visit in visits]
        pairs = [(count, point.cost) for count, point in zip(rows, points, strict=True) if point is not None]
        return growth_exponent([count for count, _ in pairs], [cost for _, cost in pairs])

    def _changes(self, number: int) -> Iterator[PlanChange]:
        positions = [stop.at.position for stop in self._course.stops]
        for before, after in pairwise(self._visits):
            plans = before.answers[number].plan, after.answers[number].plan
            if plans[0] is None or plans[1] is None or plans[0].shape == plans[1].shape:
                continue
            low, high = before.stop.at.position, after.stop.at.position
            point = max(at for at, position in enumerate(positions) if position <= low)
            jumps = self._course.jumps_to(point + 1)
            at = after.stop.at if jumps else self._course.moment((low + high) / 2)
            yield PlanChange(point, at, change_between(plans[0].root, plans[1].root))

    def _break(self, number: int) -> Break | None:
        seen, budget = self._seen(number), self._budget(number)
        passed = first_passed(seen, budget)
        if passed is None:
            return None
        if passed == 0:
            return Break(self._visits[0].stop.at, already=True)
        after = self._visits[passed].stop
        if passed == 1 and self._course.jumps_to(1):
            return Break(after.at)
        return Break(self._course.moment(passed_at(seen[passed - 1], seen[passed], budget)))

    def _full_scans(self, point: QueryPoint | None) -> tuple[tuple[str, float], ...]:
        if point is None:
            return ()
        last = self._visits[-1].snapshot
        scanned = dict.fromkeys(
            oid
            for node in point.plan.walk()
            if node.type == "Seq Scan"
            for oid in self._read_by(msgspec.structs.replace(node, children=()))
        )
        found = [(last.relation_by_oid[oid].display, rows_at(last, oid)) for oid in scanned]
        large = [(name, rows) for name, rows in found if rows >= SMALL_TABLE_ROWS]
        return tuple(sorted(large, key=lambda pair: -pair[1]))

    def _read_by(self, plan: PlanNode) -> Iterator[int]:
        """Oids of the tables that a plan reads or changes; of a partition, its table's."""
        for node in plan.walk():
            relation = relation_named(self._snapshot, node.relation) if node.relation else None
            if relation is None:
                continue
            while relation.is_partition and (parents := self._snapshot.parents_of(relation.oid)):
                relation = self._snapshot.relation_by_oid[parents[0]]
            yield relation.oid


def _time(answer: Answer, at: int, known: Sequence[tuple[int, float]]) -> float | None:
    if answer.plan is None or not known:
        return None
    if answer.milliseconds is not None:
        return answer.milliseconds
    _, per_cost = min(known, key=lambda each: abs(each[0] - at))
    return answer.plan.cost * per_cost


def _shape(text: str, snapshot: Snapshot) -> Shape | None:
    tree = parse(plannable(text))
    if tree is None:
        return None
    from tenfold.statements.reader import read_shape

    return read_shape(tree, snapshot)


def _told(snapshot: Snapshot, assumptions: Sequence[Assumption]) -> tuple[str, ...]:
    """A clause each, which begins with what it is about."""
    return tuple(dict.fromkeys(_clause(snapshot, assumption) for assumption in assumptions))


def _clause(snapshot: Snapshot, assumption: Assumption) -> str:
    relation = snapshot.relation_by_oid.get(assumption.relation)
    if relation is None or assumption.text.startswith((relation.name, relation.display, "tenants:")):
        return assumption.text
    between = "." if assumption.column is not None else ": "
    return f"{relation.display}{between}{assumption.text}"
