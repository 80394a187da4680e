"""The forecast: every query on a twin at every point, sizes, what breaks when, and what would help.

The twin is asked at the points first, and then at a bounded number of sizes between them, each where most is
still open: which plans change there, which budgets are passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from tenfold.growth import grow
from tenfold.model.calibration import Calibration
from tenfold.model.forecast import (
    Forecast,
    ForecastPoint,
    IndexAdvice,
    QueryForecast,
    TableForecast,
    broken,
)
from tenfold.model.growth import Assumption
from tenfold.model.scenario import Budgets
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.projection.asking import Asker, Visit, ask
from tenfold.projection.course import Course, FactorCourse, Stop
from tenfold.projection.crossings import Span, first_passed, widest_open
from tenfold.projection.forecast_notes import notes_on
from tenfold.projection.index_candidates import candidates
from tenfold.projection.index_trial import best_index
from tenfold.projection.memory import hit_ratio_at
from tenfold.projection.query_forecast import Workbook
from tenfold.projection.row_security import tables_bound
from tenfold.projection.table_sizes import table_sizes, total_bytes
from tenfold.projection.workload import Workload, plannable
from tenfold.statements.shape import Shape
from tenfold.statements.text import parse
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin

#: Queries that are named as the first to break, and those that indexes are tried for.
FIRST, ADVISED = 10, 15
#: Sizes that are asked in all, with those at the points, and how many between the points at least.
SIZES, SEARCHED = 14, 4
#: Below this power of the rows a cost is taken to stay.
_STAYS = 0.2

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

    Without a calibration, a query's time is the mean that pg_stat_statements has, growing as its cost; a
    query that was not recorded has none, and passes no budget.
    """
    shapes = [_shape(query.text, snapshot) for query in workload.queries]
    book = Workbook(snapshot, course, workload.queries, shapes, role, budgets, [])
    with Twin(snapshot, progress) as twin:
        scale = twin.scale()
        run = _Run(scale, tenancy, book, calibration, progress)
        run.visit_points()
        advice = run.advise()
        run.search()
        not_carried, refused = twin.not_carried, tuple(scale.refused_statistics)
    queries = book.forecasts(advice)
    visits = book.at_points()
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
        assumptions=_told(snapshot, run.assumptions, tables),
        not_carried=not_carried,
        calibration=calibration,
        notes=(*workload.notes, *notes_on(snapshot, tenancy, course, queries, role, calibration, refused)),
    )


def first_to_look_at(queries: Sequence[QueryForecast]) -> list[QueryForecast]:
    """By when they pass their budget; behind them those without a time, by growth, then by cost."""
    growing = [
        query for query in queries if query.basis is None and query.last and (query.exponent or 0) > _STAYS
    ]
    return [*broken(queries), *sorted(growing, key=_growth_order)]


def _growth_order(query: QueryForecast) -> tuple[float, float]:
    assert query.last is not None
    return (-round(query.exponent or 0.0, 1), -query.last.cost)


class _Run:
    """Visits a twin at one size after another."""

    def __init__(
        self,
        scale: Scale,
        tenancy: Tenancy,
        book: Workbook,
        calibration: Calibration | None,
        progress: Progress,
    ) -> None:
        self._scale, self._tenancy, self._book = scale, tenancy, book
        self._calibration, self._progress = calibration, progress
        self._asker = Asker.of(book.snapshot, tenancy, book.role, book.queries)
        self._touched: tuple[int, ...] = ()
        self._bytes_today = 0
        # By what they are about: at a larger size the same is said with other figures.
        self._assumptions: dict[tuple[str, int, int | None], Assumption] = {}

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        return tuple(self._assumptions.values())

    def visit_points(self) -> None:
        for stop in self._book.course.stops:
            self._visit(stop, lambda _number: True)

    def search(self) -> None:
        """Visits sizes between the points, while something is open between two of them."""
        book = self._book
        numbers = range(len(book.queries))
        budgets = [book.budget(number) for number in numbers]
        stops = book.course.stops
        barred = [
            Span(before.at.position, after.at.position)
            for number, (before, after) in enumerate(pairwise(stops), start=1)
            if book.course.jumps_to(number)
        ]
        for _ in range(max(SEARCHED, SIZES - len(stops))):
            courses = [book.seen(number) for number in numbers]
            span = widest_open(courses, budgets, barred, book.course.narrow)
            if span is None:
                return
            passing = {
                number
                for number in numbers
                if (passed := first_passed(courses[number], budgets[number]))
                and courses[number][passed].position == span.high
            }
            self._visit(book.course.between(span.middle), passing.__contains__)

    def advise(self) -> dict[int, IndexAdvice]:
        """By number of the query. The scale has the size of the last point, which was visited last."""
        book, last = self._book, self._book.visits[-1]
        bound = tables_bound(book.snapshot, book.role)
        numbers = {query.name: number for number, query in enumerate(book.queries)}
        advice = {}
        for each in first_to_look_at(book.forecasts())[:ADVISED]:
            number = numbers[each.name]
            shape = book.shapes[number]
            if shape is None:
                continue
            self._progress(f"indexes for {each.name}")
            found = best_index(
                self._scale,
                self._asker,
                book.queries[number],
                last.answers[number],
                candidates(shape, last.snapshot, self._tenancy, bound=bound),
                calibration=self._calibration,
                hit_ratio=self._hit_ratio(last.snapshot),
            )
            if found is not None:
                advice[number] = _with_time(found, book.times(number)[-1])
        return advice

    def _visit(self, stop: Stop, timed: Callable[[int], bool]) -> None:
        book = self._book
        self._progress(f"asking at {stop.at.label}")
        grown = grow(book.snapshot, self._tenancy, stop.growth)
        for each in stop.point.assumptions if stop.point is not None else ():
            self._assumptions["told", each.relation, each.column] = each
        for each in grown.assumptions:
            self._assumptions["grown", each.relation, each.column] = each
        self._scale.load(grown.snapshot)
        answers = ask(
            self._scale,
            self._asker,
            book.queries,
            calibration=self._calibration,
            hit_ratio=self._hit_ratio(grown.snapshot),
            timed=timed,
        )
        book.add(Visit(stop, grown.snapshot, answers))
        if len(book.visits) == 1:
            plans = (answer.plan.root for answer in answers if answer.plan is not None)
            self._touched = tuple(dict.fromkeys(oid for plan in plans for oid in book.read_by(plan)))
            self._bytes_today = total_bytes(grown.snapshot, self._touched)

    def _hit_ratio(self, grown: Snapshot) -> float:
        known = self._calibration
        if known is None:
            return 1.0
        then = total_bytes(grown, self._touched)
        return hit_ratio_at(known.hit_ratio, known.cache_bytes, self._bytes_today, then)


def _with_time(advice: IndexAdvice, without: float | None) -> IndexAdvice:
    """With a time as the cost falls, where there is no better one."""
    if advice.milliseconds_with is not None or without is None:
        return advice
    share = advice.cost_with / advice.cost_without
    return msgspec.structs.replace(advice, milliseconds_with=without * share)


def _shape(text: str, snapshot: Snapshot) -> Shape | None:
    tree = parse(plannable(text))
    if tree is None:
        return None
    from tenfold.statements.reader import read_shape

    return read_shape(tree, snapshot)


def _told(
    snapshot: Snapshot, assumptions: Sequence[Assumption], tables: Sequence[TableForecast]
) -> tuple[str, ...]:
    """A clause each, which begins with what it is about; those about the largest tables first."""
    place = {table.name: number for number, table in enumerate(tables)}

    def weight(assumption: Assumption) -> tuple[int, bool]:
        relation = snapshot.relation_by_oid.get(assumption.relation)
        return (place.get(relation.display, -1) if relation else -1, assumption.column is not None)

    return tuple(dict.fromkeys(_clause(snapshot, each) for each in sorted(assumptions, key=weight)))


def _clause(snapshot: Snapshot, assumption: Assumption) -> str:
    relation = snapshot.relation_by_oid.get(assumption.relation)
    if relation is None or assumption.text.startswith((relation.name, relation.display, "tenants:")):
        return assumption.text
    between = "." if assumption.column is not None else ": "
    return f"{relation.display}{between}{assumption.text}"
