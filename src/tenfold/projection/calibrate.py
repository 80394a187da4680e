"""Measures on a live server what a unit of the planner's work takes, reading only, within a bound of seconds.

Counts of work are the planner's own (`tenfold.twin.work`), times are those of EXPLAIN ANALYZE on counts over
the user's tables, and the times of a unit are what fits them best. No value of a row leaves the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import msgspec

from tenfold.errors import LockTimeoutError, PrivilegeError, StatementError, StatementTimeoutError
from tenfold.model.calibration import UNIT_SETTINGS, Calibration, CostSettings, PageTime, Work
from tenfold.model.query_plan import QueryPlan
from tenfold.model.wording import counted
from tenfold.pg import measure
from tenfold.pg.connect import Connection, capabilities, read_transaction
from tenfold.pg.session import CatalogSession
from tenfold.projection.fit_times import Sample, UnitTimes, fit_times
from tenfold.projection.trials import Column, Index, Reference, Table, Trial, choose, trials

# Tables that are looked at, and pages that a whole scan may have for each second of the bound.
_MOST_TABLES = 500
_PAGES_A_SECOND = 1_500
# Shares of the bound: to ask for plans, and for one execution.
_PLANNING_SHARE = 0.35
_RUN_SHARE = 0.1
_ROUNDS = 7
# A run is one on cached pages where no more than this share of its pages was fetched.
_CACHED = 0.01

Progress = Callable[[str, float], None]
Clock = Callable[[], float]


def calibrate(
    connection: Connection,
    *,
    seconds: float = 10.0,
    progress: Progress = lambda _step, _share: None,
    clock: Clock = time.monotonic,
) -> Calibration:
    """Times of a unit of `Work`, in milliseconds, and how well they explain what was measured.

    Takes no longer than `seconds`, and the answers' way over the network. `progress` is told what is being
    done and what share of the time has gone. What the role may not read is left out, and said in `notes`.
    Raises ConnectionLostError and its like; what one statement is refused is left out.
    """
    end = clock() + seconds
    with read_transaction(connection, statement_timeout=seconds, lock_timeout=min(1.0, seconds / 10)):
        session = CatalogSession(connection, "tenfold.projection")
        server = _server(session)
        tables = _readable(session)
        hidden = int(session.rows("unreadable_tables")[0][0])
        hits, counters_note = _hit_ratio(session)
        most = int(seconds * _PAGES_A_SECOND)
        chosen = choose(tables, most)
        large = [table for table in tables if table.pages > most and table.columns][:2]
        wanted = list(trials(chosen, large, tid_ranges=capabilities(connection).has("tid_range_scan")))
        run = _Run(connection, clock, end, seconds, progress)
        samples = run.samples(wanted, server.prices)
    times = fit_times(samples)
    notes = [*_reading_notes(chosen, large, hidden), *counters_note, *run.notes, *times.notes]
    return _calibration(times, server, hits, tuple(notes))


class _Server(msgspec.Struct, frozen=True):
    version: str
    cache_bytes: int
    now: str
    prices: CostSettings


class _Planned(msgspec.Struct):
    """A trial, the work that the planner says it is, and the runs that were made of it."""

    trial: Trial
    work: Work
    plans: list[QueryPlan] = []


class _Run:
    """The trials against the clock."""

    def __init__(
        self, connection: Connection, clock: Clock, end: float, seconds: float, progress: Progress
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._end = end
        self._seconds = seconds
        self._progress = progress
        self.notes: list[str] = []

    def samples(self, wanted: Sequence[Trial], prices: CostSettings) -> list[Sample]:
        """Asks for all plans, then executes them in turns: a statement that runs in a loop of its own finds
        everything in the processor's caches, which on a server at work is others' by then."""
        planned = self._plan(wanted, prices)
        for number in range(_ROUNDS):
            if not planned or not self._round(planned, number):
                break
        return [sample for each in planned for sample in _samples(each)]

    def _plan(self, wanted: Sequence[Trial], prices: CostSettings) -> list[_Planned]:
        from tenfold.twin.work import decompose

        until = self._end - self._seconds * (1 - _PLANNING_SHARE)
        planned = []
        for number, trial in enumerate(wanted):
            if self._clock() > until:
                self.notes.append(f"time sufficed for {number} of {len(wanted)} statements")
                break
            self._progress("planning", self._gone())

            def explain(settings: Any, trial: Trial = trial) -> QueryPlan:
                return measure.explain(self._connection, trial.statements[0], {**trial.settings, **settings})

            try:
                work = decompose(explain, prices)
            except (PrivilegeError, LockTimeoutError, StatementTimeoutError, StatementError):
                continue  # there are others to calibrate by
            if work is not None:
                planned.append(_Planned(trial, work, []))
        return planned

    def _round(self, planned: list[_Planned], number: int) -> bool:
        """Whether there is time for more."""
        for each in list(planned):
            left = self._end - self._clock()
            if left <= 0.005:
                return False
            self._progress(f"round {number + 1}: {each.trial.kind}", self._gone())
            statements = each.trial.statements
            try:
                each.plans.append(
                    measure.run(
                        self._connection,
                        statements[number % len(statements)],
                        each.trial.settings,
                        seconds=min(left, self._seconds * _RUN_SHARE),
                    )
                )
            except (PrivilegeError, LockTimeoutError, StatementTimeoutError, StatementError):
                planned.remove(each)  # what it has measured so far is not of its usual kind
        return True

    def _gone(self) -> float:
        return 1 - (self._end - self._clock()) / self._seconds


def _samples(planned: _Planned) -> Iterator[Sample]:
    """The median of the runs that found their pages in memory, and that of those that did not."""
    runs = [(_missed(plan), (plan.planning_ms or 0.0) + (plan.execution_ms or 0.0)) for plan in planned.plans]
    cached = [run for run in runs if run[0] <= _CACHED]
    # The first run of a session maps the pages into its memory, which later ones find done.
    for kind in (cached[1:] or cached, [run for run in runs if run[0] > _CACHED]):
        if kind:
            missed, milliseconds = (median(values) for values in zip(*kind, strict=True))
            yield Sample(planned.work, missed if kind[0][0] > _CACHED else 0.0, milliseconds)


def _missed(plan: QueryPlan) -> float:
    """The share of the pages that were fetched from outside the server's memory."""
    hit, read = plan.root.blocks_hit or 0, plan.root.blocks_read or 0
    return read / (hit + read) if hit + read else 0.0


def _server(session: CatalogSession) -> _Server:
    version, cache, now, *prices = session.rows("server")[0]
    return _Server(version, int(cache), now, CostSettings(*prices))


def _readable(session: CatalogSession) -> list[Table]:
    rows = session.rows("readable_tables", {"most": _MOST_TABLES})
    oids = {"tables": [row[0] for row in rows]}
    columns: dict[int, list[Column]] = {}
    for oid, *column in session.rows("comparable_columns", oids):
        columns.setdefault(oid, []).append(Column(*column))
    indexes: dict[int, list[Index]] = {}
    for oid, *index in session.rows("ordered_indexes", oids):
        indexes.setdefault(oid, []).append(Index(*index))
    references: dict[int, list[Reference]] = {}
    for oid, *reference in session.rows("references", oids):
        references.setdefault(oid, []).append(Reference(*reference))
    return [
        Table(
            oid=oid,
            schema=schema,
            name=name,
            pages=pages,
            rows=count,
            columns=tuple(columns.get(oid, ())),
            indexes=tuple(indexes.get(oid, ())),
            references=tuple(references.get(oid, ())),
        )
        for oid, schema, name, pages, count in rows
    ]


def _hit_ratio(session: CatalogSession) -> tuple[float, list[str]]:
    """Of user tables and their indexes where they have been read, else of the whole database."""
    hit, read, all_hit, all_read = session.rows("cache_counters")[0]
    if hit + read >= 1000:
        return hit / (hit + read), []
    note = "the counters of user tables are too young: the hit ratio is the whole database's"
    return (all_hit / (all_hit + all_read) if all_hit + all_read else 1.0), [note]


def _reading_notes(chosen: Sequence[Table], large: Sequence[Table], hidden: int) -> Iterator[str]:
    if hidden:
        yield (
            f"{counted(hidden, 'table')} could not be used: the role may not read them, or only through "
            "row-level security"
        )
    if not chosen and not large:
        yield (
            "no table of 32 pages and more could be read: times of rows are those of a generated series,"
            " times of pages are taken from them"
        )


def _calibration(times: UnitTimes, server: _Server, hits: float, notes: tuple[str, ...]) -> Calibration:
    return Calibration(
        sequential_page=PageTime(*times.sequential_page),
        random_page=PageTime(*times.random_page),
        tuple_ms=times.tuple_ms,
        index_tuple_ms=times.index_tuple_ms,
        operator_ms=times.operator_ms,
        statement_ms=times.statement_ms,
        hit_ratio=hits,
        cache_bytes=server.cache_bytes,
        measured_at=server.now,
        server_version=server.version,
        measurements=times.measurements,
        median_ratio=times.median_ratio,
        worst_ratio=times.worst_ratio,
        notes=notes,
    )


def advised_settings(calibration: Calibration) -> CostSettings:
    """The planner's prices in the proportion measured, at the source's hit ratio; a page in order is 1.

    A page at random is never below it: what measures so differs by less than can be told apart.
    Where a page's own time vanished in that of its rows there is no proportion: the defaults stay.
    What starts and feeds parallel workers was not measured and stays as it is.
    """
    one = calibration.milliseconds(Work(1, 0, 0, 0, 0)) - calibration.statement_ms
    if one <= 0:
        return CostSettings()
    units = [Work(*(float(i == j) for j in range(len(UNIT_SETTINGS)))) for i in range(len(UNIT_SETTINGS))]
    prices = CostSettings(
        *((calibration.milliseconds(unit) - calibration.statement_ms) / one for unit in units)
    )
    return msgspec.structs.replace(prices, random_page_cost=max(1.0, prices.random_page_cost))
