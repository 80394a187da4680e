"""How many distinct values a column has at a grown size.

Each column follows one law. What keys say comes first, what statistics say second:

- unique: as many as rows;
- tenant column: as the tenant table's rows;
- foreign key: as the values of the column that it refers to;
- enumeration: stays, where the most common values cover nearly all rows;
- time that only grows: as rows;
- values that occur alike and often: stay, all of them have been seen;
- any other: Heaps' law, distinct = rows ** b (H. S. Heaps, Information Retrieval, 1978, section 7.5; its
  factor is 1, since one row shows one value), with b of today's statistics. It lies between the two ends:
  b is 0 where there is one value, and 1 where every row has its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from tenfold.growth.distinct import (
    SAMPLE,
    distinct_count,
    domain_size,
    estimated,
    seen,
    unique_columns,
)
from tenfold.growth.rows import tree_rows
from tenfold.growth.stretch import distance_between, smallest_step
from tenfold.model.relations import Column, ColumnStatistics
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy

Law = Literal["unique", "tenant", "reference", "enumeration", "time", "heaps"]

#: Share of the rows that are not null that the most common values cover in an enumeration.
_NEARLY_ALL = 0.99
#: Above this share of the rows that are not null, values are as good as unique.
_NEARLY_UNIQUE = 0.999
#: Least correlation of a column that is filled in order of time.
_IN_ORDER = 0.9
#: Mean rows a value from which a set that rows draw from alike is as good as complete.
_SEEN_OFTEN = 5
#: Standard deviations that chance is allowed, in how many rows meet.
_CERTAIN = 2
_TIMES = ("timestamp without time zone", "timestamp with time zone", "date")
_NOW = (
    "now()",
    "current_timestamp",
    "current_date",
    "localtimestamp",
    "statement_timestamp()",
    "clock_timestamp()",
)


class Values(msgspec.Struct, frozen=True):
    """Distinct values of a column at the grown size, and by what law."""

    law: Law
    before: float
    after: float

    @property
    def factor(self) -> float:
        return self.after / self.before if self.before > 0 else 1.0


class Sizes(msgspec.Struct, frozen=True):
    """A snapshot with its rows before and after, and what keys and hints say of its columns."""

    snapshot: Snapshot
    tenancy: Tenancy
    before: Mapping[int, float]
    after: Mapping[int, float]
    #: Distinct values that hints tell, by relation and attribute number.
    told: Mapping[tuple[int, int], float]
    unique: Mapping[tuple[int, int], bool]

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        tenancy: Tenancy,
        before: Mapping[int, float],
        after: Mapping[int, float],
        told: Mapping[tuple[int, int], float],
    ) -> Sizes:
        return cls(snapshot, tenancy, before, after, told, unique_columns(snapshot))

    def values(self, column: Column, statistics: ColumnStatistics) -> Values:
        """Of this column by these statistics, of its own rows or of the whole inheritance tree's."""
        before, after = self.rows(column.relation, statistics.inherited)
        present = 1.0 - statistics.null_frac
        count = distinct_count(statistics, before)
        law, target = self._law(column, statistics, count, before * present, after * present)
        told = self.told.get((column.relation, column.number))
        if told is not None:
            target = told
        return Values(law, count, max(min(target, after), 1.0 if count >= 1 and after >= 1 else 0.0))

    def rows(self, relation: int, inherited: bool) -> tuple[float, float]:
        if inherited:
            return (
                tree_rows(self.snapshot, relation, self.before),
                tree_rows(self.snapshot, relation, self.after),
            )
        return self.before[relation], self.after[relation]

    def population(self, relation: int, number: int) -> tuple[float, float] | None:
        """How many values a tenant column or foreign key can draw from, before and after; None of another."""
        return self._population(relation, number, frozenset())

    def _law(
        self, column: Column, statistics: ColumnStatistics, count: float, before: float, after: float
    ) -> tuple[Law, float]:
        """The law and the distinct values it gives. `before` and `after` are rows that are not null."""
        factor = after / before if before > 0 else 1.0
        if (column.relation, column.number) in self.unique:
            return "unique", after
        is_tenant = self._is_tenant(column)
        population = self.population(column.relation, column.number)
        if population is not None or is_tenant:
            law: Law = "tenant" if is_tenant else "reference"
            looked_at = self._looked_at(column, statistics)
            return law, _drawn(count, before, after, population or (count, count), looked_at)
        if is_enumeration(column, statistics):
            return "enumeration", count
        if only_grows(column, statistics):
            return "time", count * factor
        if count >= _NEARLY_UNIQUE * before:
            return "heaps", count * factor
        if _draws_alike(statistics, count, before):
            looked_at = self._looked_at(column, statistics)
            return "heaps", _drawn(count, before, after, (count, count), looked_at)
        return "heaps", min(heaps(count, before, after), max(count, _steps(column, statistics)))

    def _looked_at(self, column: Column, statistics: ColumnStatistics) -> float:
        """Rows of the pages that ANALYZE looks at, where equal values lie together."""
        relation = self.snapshot.relation_by_oid[column.relation]
        if abs(statistics.correlation or 0.0) < _IN_ORDER or relation.pages <= 0:
            return math.inf
        return SAMPLE * max(1.0, relation.rows / relation.pages)

    def _is_tenant(self, column: Column) -> bool:
        part = self.tenancy.of(column.relation)
        if part is not None:
            return part.table_class == "tenant" and part.column == column.name
        # Partitions are not classified; their parents are.
        return any(
            (found := self.snapshot.column(parent, column.name)) is not None and self._is_tenant(found)
            for parent in self.snapshot.parents_of(column.relation)
        )

    def _population(
        self, relation: int, number: int, passed: frozenset[tuple[int, int]]
    ) -> tuple[float, float] | None:
        if (relation, number) in passed:
            return None  # keys that refer to each other in a circle
        column = self.snapshot.column_by_number[relation, number]
        root = self.tenancy.tenant_table
        if root is not None and root != relation and self._is_tenant(column):
            return self.before[root], self.after[root]
        for target, referred in self._targets(relation, number):
            if (target, referred) in self.unique:
                return self.before[target], self.after[target]
            found = self._population(target, referred, passed | {(relation, number)})
            if found is None:
                found = self._seen_values(target, referred)
            if found is not None:
                return found
        return None

    def _targets(self, relation: int, number: int) -> Iterator[tuple[int, int]]:
        """Columns that it refers to, by keys on fewest columns first: (relation, attribute number)."""
        keys = [key for key in self.snapshot.constraints_of(relation) if key.kind == "f" and key.enforced]
        for key in sorted(keys, key=lambda key: len(key.columns)):
            target = key.foreign_relation
            if number in key.columns and target is not None and target in self.before:
                yield target, (key.foreign_columns or key.columns)[key.columns.index(number)]

    def _seen_values(self, relation: int, number: int) -> tuple[float, float] | None:
        """Of a column that is unique only together with others: by its own statistics, else as rows."""
        statistics = self.snapshot.statistics_of(relation, number)
        before, after = self.before[relation], self.after[relation]
        if statistics is None:
            return before, after
        count = distinct_count(statistics, before)
        return count, heaps(count, before, after)


def _draws_alike(statistics: ColumnStatistics, count: float, before: float) -> bool:
    """Whether values occur as a closed set of them would that rows draw from alike: no value is left unseen.

    Where values occur five times in the mean, one in 150 is not seen yet; the commonest occurs no more often
    than chance makes it.
    """
    mean = before / count if count > 0 else 0.0
    share = max(statistics.common_frequencies or (), default=0.0)
    most = share * before / max(1e-9, 1.0 - statistics.null_frac)
    return mean >= _SEEN_OFTEN and most <= mean + 5 * math.sqrt(mean)


def _steps(column: Column, statistics: ColumnStatistics) -> float:
    """How many values there is room for between the least and the greatest, of those without an order of
    arrival: that range stays. Infinite where the type does not tell.
    """
    bounds, unit = statistics.histogram, smallest_step(column)
    if bounds is None or unit is None or abs(statistics.correlation or 0.0) >= _IN_ORDER:
        return math.inf
    width = distance_between(column, bounds[0], bounds[-1])
    return math.inf if width is None else width / unit + 1


def heaps(count: float, before: float, after: float) -> float:
    """Distinct values of so many rows by Heaps' law through today's point."""
    if before <= 1 or count <= 1 or after <= 0:
        return min(count, after) if after < before else count
    exponent = min(1.0, math.log(count) / math.log(before))
    return float(count * (after / before) ** exponent)


def is_enumeration(column: Column, statistics: ColumnStatistics) -> bool:
    """By its type, or since no value is left that the most common ones do not name.

    Values seen once are the measure of values not seen yet (Good 1953, Biometrika 40): without a histogram
    ANALYZE met each value more than once.
    """
    if column.type_kind == "e" or column.type == "boolean":
        return True
    covered = sum(statistics.common_frequencies or ())
    return (
        statistics.histogram is None and covered > 0 and covered >= _NEARLY_ALL * (1.0 - statistics.null_frac)
    )


def only_grows(column: Column, statistics: ColumnStatistics | None) -> bool:
    """A time that rows get when they come: the default says so, or their order on the disk."""
    if column.type.replace("(", " (").split(" (")[0] not in _TIMES and not column.type.startswith(
        "timestamp"
    ):
        return False
    if column.name.startswith("updated"):
        return False
    if column.default is not None and any(word in column.default.lower() for word in _NOW):
        return True
    return statistics is not None and (statistics.correlation or 0.0) >= _IN_ORDER


def _drawn(
    count: float, before: float, after: float, population: tuple[float, float], looked_at: float = math.inf
) -> float:
    """Values that ANALYZE finds in rows which draw from a population, itself grown."""
    was, becomes = population
    if was <= 0:
        return estimated(becomes, after) if becomes > 0 else heaps(count, before, after)
    growth = becomes / was
    domain = max(min(domain_size(count, before, looked_at), was), min(count, was))
    drawn = estimated(domain * growth, after, looked_at)
    drawn += _apart(count, before, was) * max(0.0, min(after, becomes) - drawn)
    if after <= SAMPLE and growth >= 1 and after >= before:
        # It cannot show fewer values after growth, even where today's show more than chance would.
        return max(drawn, min(count, after))
    return drawn


def _apart(count: float, before: float, population: float) -> float:
    """How far rows avoid the values of others, as they do where each parent has one child: 0 to 1.

    Rows that draw at random meet by chance; 1 is where none do though many would.
    """
    expected = before - seen(population, before)
    met = before - count
    if before > SAMPLE or met >= expected - _CERTAIN * math.sqrt(max(0.0, expected)):
        return 0.0
    return 1.0 - max(0.0, met) / expected
