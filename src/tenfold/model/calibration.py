"""What one unit of the planner's work takes on one machine, in milliseconds.

The planner's cost is a sum of counts: pages read in order and at random, rows, index entries, operator calls,
each times its setting. A calibration gives each its time, so that the same counts become milliseconds.
"""

from __future__ import annotations

import msgspec


class CostSettings(msgspec.Struct, frozen=True):
    """The planner's prices, by the names of the settings; the defaults are PostgreSQL's own."""

    seq_page_cost: float = 1.0
    random_page_cost: float = 4.0
    cpu_tuple_cost: float = 0.01
    cpu_index_tuple_cost: float = 0.005
    cpu_operator_cost: float = 0.0025
    parallel_setup_cost: float = 1000.0
    parallel_tuple_cost: float = 0.1


#: The settings that price the fields of `Work`, in their order.
UNIT_SETTINGS = (
    "seq_page_cost",
    "random_page_cost",
    "cpu_tuple_cost",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
)


class Work(msgspec.Struct, frozen=True):
    """The counts that a plan's cost is made of, by the planner's estimate."""

    sequential_pages: float
    random_pages: float
    tuples: float
    index_tuples: float
    operators: float


class PageTime(msgspec.Struct, frozen=True):
    """Milliseconds a page: found in the server's memory, and fetched by it from elsewhere."""

    cached_ms: float
    #: None where no uncached read could be observed.
    uncached_ms: float | None = None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Measured on one server. Times are milliseconds a unit of `Work`."""

    sequential_page: PageTime
    random_page: PageTime
    tuple_ms: float
    index_tuple_ms: float
    operator_ms: float
    #: What every statement takes, whatever it does: parsing, planning, start and end of execution.
    statement_ms: float
    #: Share of pages found in memory, 0 to 1, by the source's own counters.
    hit_ratio: float
    #: Bytes that the source's cache holds: what grows past it is not found in memory.
    cache_bytes: int
    #: ISO time, server version, and how many measurements it rests on.
    measured_at: str
    server_version: str
    measurements: int
    #: Predicted through measured time over the measurements themselves: median, and the worst way off.
    median_ratio: float
    worst_ratio: float
    #: What could not be measured, and what was taken instead.
    notes: tuple[str, ...] = ()

    def milliseconds(self, work: Work, *, hit_ratio: float | None = None) -> float:
        """The time of this work, at the source's hit ratio or another one."""
        hits = self.hit_ratio if hit_ratio is None else hit_ratio
        return (
            self.statement_ms
            + work.sequential_pages * _mixed(self.sequential_page, hits)
            + work.random_pages * _mixed(self.random_page, hits)
            + work.tuples * self.tuple_ms
            + work.index_tuples * self.index_tuple_ms
            + work.operators * self.operator_ms
        )


def _mixed(page: PageTime, hits: float) -> float:
    missed = page.cached_ms if page.uncached_ms is None else page.uncached_ms
    return hits * page.cached_ms + (1 - hits) * missed
