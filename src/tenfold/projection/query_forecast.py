"""What the visits to a twin say of each query: times, growth, changes of plan, passed budgets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from tenfold.model.forecast import (
    Break,
    IndexAdvice,
    PlanChange,
    QueryForecast,
    QueryKind,
    QueryPoint,
    TimeBasis,
)
from tenfold.model.query_plan import PlanNode
from tenfold.model.scenario import Budgets
from tenfold.model.snapshot import Snapshot
from tenfold.projection.asking import Answer, Visit
from tenfold.projection.course import Course
from tenfold.projection.crossings import Seen, change_between, first_passed, passed_at
from tenfold.projection.exponent import growth_exponent
from tenfold.projection.query_kind import budget_of, query_kind
from tenfold.projection.workload import Query
from tenfold.statements.shape import Shape
from tenfold.statements.text import shown
from tenfold.twin.parameters import relation_named

#: A scan of a whole table of fewer rows is no matter.
SMALL_TABLE_ROWS = 10_000


class Workbook(msgspec.Struct, frozen=True):
    """The queries, and the visits so far in order of position. Queries go by their number."""

    snapshot: Snapshot
    course: Course
    queries: Sequence[Query]
    shapes: Sequence[Shape | None]
    role: str | None
    budgets: Budgets
    visits: list[Visit]

    def add(self, visit: Visit) -> None:
        self.visits.append(visit)
        self.visits.sort(key=lambda each: each.stop.at.position)

    def at_points(self) -> list[Visit]:
        stops = {id(stop) for stop in self.course.stops}
        return [visit for visit in self.visits if id(visit.stop) in stops]

    def forecasts(self, advice: dict[int, IndexAdvice] | None = None) -> tuple[QueryForecast, ...]:
        return tuple(
            self._forecast(number, (advice or {}).get(number)) for number in range(len(self.queries))
        )

    def _forecast(self, number: int, advice: IndexAdvice | None) -> QueryForecast:
        query = self.queries[number]
        answers = [visit.answers[number] for visit in self.visits]
        whole = QueryForecast(
            name=query.name,
            text=shown(query.text),
            kind=self._kind(number),
            budget_ms=self.budget(number),
            calls=query.calls,
            mean_ms=query.mean_ms,
            role=self.role,
        )
        if all(answer.plan is None for answer in answers):
            return msgspec.structs.replace(whole, reason=answers[0].reason)
        points = tuple(self._points(number))
        return msgspec.structs.replace(
            whole,
            generic=any(answer.generic for answer in answers),
            points=points,
            basis=self._basis(number),
            exponent=self._exponent(points),
            changes=tuple(self._changes(number)),
            breaks=self._break(number),
            advice=advice,
            full_scans=self._full_scans(points[-1]),
        )

    # --- of one query --------------------------------------------------------------------------------

    def budget(self, number: int) -> float:
        """Milliseconds."""
        return budget_of(self._kind(number), self.budgets)

    def seen(self, number: int) -> list[Seen]:
        """By visit."""
        return [
            Seen(visit.stop.at.position, answer.plan.shape if answer.plan else None, time)
            for visit, time in zip(self.visits, self.times(number), strict=True)
            for answer in (visit.answers[number],)
        ]

    def times(self, number: int) -> list[float | None]:
        """Milliseconds by visit: by the calibration; where that was not asked, as the cost grows."""
        answers = [visit.answers[number] for visit in self.visits]
        known = [
            (at, answer.milliseconds / answer.plan.cost)
            for at, answer in enumerate(answers)
            if answer.milliseconds is not None and answer.plan is not None and answer.plan.cost > 0
        ]
        mean, first = self.queries[number].mean_ms, answers[0].plan
        if not known and mean is not None and first is not None and first.cost > 0:
            known = [(0, mean / first.cost)]
        return [_time(answer, at, known) for at, answer in enumerate(answers)]

    def read_by(self, plan: PlanNode) -> Iterator[int]:
        """Oids of the tables that a plan reads or changes; of a partition, its table's."""
        for node in plan.walk():
            relation = relation_named(self.snapshot, node.relation) if node.relation else None
            if relation is None:
                continue
            while relation.is_partition and (parents := self.snapshot.parents_of(relation.oid)):
                relation = self.snapshot.relation_by_oid[parents[0]]
            yield relation.oid

    def _kind(self, number: int) -> QueryKind:
        query = self.queries[number]
        plan = self.visits[0].answers[number].plan if self.visits else None
        return query.kind or query_kind(query.text, self.shapes[number], plan.root if plan else None)

    def _points(self, number: int) -> Iterator[QueryPoint | None]:
        stops = {id(stop) for stop in self.course.stops}
        for visit, time in zip(self.visits, self.times(number), strict=True):
            plan = visit.answers[number].plan
            if id(visit.stop) not in stops:
                continue
            yield (
                None
                if plan is None
                else QueryPoint(cost=plan.cost, rows=plan.root.rows, milliseconds=time, plan=plan.root)
            )

    def _basis(self, number: int) -> TimeBasis | None:
        if any(visit.answers[number].milliseconds is not None for visit in self.visits):
            return "calibration"
        has_cost = self.visits[0].answers[number].plan is not None
        return "mean time" if self.queries[number].mean_ms is not None and has_cost else None

    def _exponent(self, points: Sequence[QueryPoint | None]) -> float | None:
        read = dict.fromkeys(oid for point in points if point for oid in self.read_by(point.plan))
        rows = [sum(visit.rows.get(oid, 0.0) for oid in read) for visit in self.at_points()]
        pairs = [(count, point.cost) for count, point in zip(rows, points, strict=True) if point is not None]
        return growth_exponent([count for count, _ in pairs], [cost for _, cost in pairs])

    def _changes(self, number: int) -> Iterator[PlanChange]:
        positions = [stop.at.position for stop in self.course.stops]
        for before, after in pairwise(self.visits):
            old, new = before.answers[number].plan, after.answers[number].plan
            if old is None or new is None or old.shape == new.shape:
                continue
            low, high = before.stop.at.position, after.stop.at.position
            point = max(at for at, position in enumerate(positions) if position <= low)
            jumps = self.course.jumps_to(point + 1)
            at = after.stop.at if jumps else self.course.moment((low + high) / 2)
            yield PlanChange(point, at, change_between(old.root, new.root))

    def _break(self, number: int) -> Break | None:
        seen, budget = self.seen(number), self.budget(number)
        passed = first_passed(seen, budget)
        if passed is None:
            return None
        if passed == 0:
            return Break(self.visits[0].stop.at, already=True)
        if passed == 1 and self.course.jumps_to(1):
            return Break(self.visits[1].stop.at)
        return Break(self.course.moment(passed_at(seen[passed - 1], seen[passed], budget)))

    def _full_scans(self, point: QueryPoint | None) -> tuple[tuple[str, float], ...]:
        if point is None:
            return ()
        last = self.visits[-1]
        scans = [node for node in point.plan.walk() if node.type == "Seq Scan"]
        scanned = dict.fromkeys(
            oid for scan in scans for oid in self.read_by(msgspec.structs.replace(scan, children=()))
        )
        found = [(last.snapshot.relation_by_oid[oid].display, last.rows.get(oid, 0.0)) for oid in scanned]
        large = [(name, rows) for name, rows in found if rows >= SMALL_TABLE_ROWS]
        return tuple(sorted(large, key=lambda pair: -pair[1]))


def _time(answer: Answer, at: int, known: Sequence[tuple[int, float]]) -> float | None:
    """`known` are milliseconds for a unit of cost, by number of the visit; the nearest one counts."""
    if answer.plan is None or not known:
        return None
    if answer.milliseconds is not None:
        return answer.milliseconds
    _, per_cost = min(known, key=lambda each: abs(each[0] - at))
    return answer.plan.cost * per_cost
