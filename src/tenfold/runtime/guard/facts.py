"""Which columns a statement holds to values, by what its conditions say and by what is equal to what.

A fact is about rows that count: those that a result is made of, or that are written. `held` says that a
column has one of these values in every such row (or is null, where an outer join has put nulls for the row);
an edge from one column to another says that in every such row of the other's source, the two are equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from itertools import product
from typing import NamedTuple, TypeAlias

from tenfold.runtime.guard.values import Value


class Column(NamedTuple):
    """A column by the number of its source in the statement."""

    source: int
    name: str


class Equal(NamedTuple):
    """Columns that a condition makes equal, to each other and to all of the values."""

    columns: frozenset[Column]
    values: frozenset[Value] = frozenset()


#: What one condition says; no two of these share a column.
Said: TypeAlias = Sequence[Equal]

NOTHING: Said = ()


def both(*conditions: Said) -> Said:
    """`a AND b`."""
    joined: list[Equal] = []
    for each in (equal for said in conditions for equal in said):
        apart = []
        for known in joined:
            if known.columns & each.columns:
                each = Equal(known.columns | each.columns, known.values | each.values)
            else:
                apart.append(known)
        joined = [*apart, each]
    return joined


def either(one: Said, other: Said) -> Said:
    """`a OR b`: what both say."""
    found = []
    for left, right in product(one, other):
        columns = left.columns & right.columns
        values = left.values | right.values if left.values and right.values else frozenset()
        if len(columns) > 1 or (columns and values):
            found.append(Equal(columns, values))
    return found


class _Induction(NamedTuple):
    column: Column
    base: Column
    step: Column


class Facts:
    """Those of a whole statement."""

    def __init__(self) -> None:
        self._held: defaultdict[Column, frozenset[Value]] = defaultdict(frozenset)
        self._edges: defaultdict[Column, set[Column]] = defaultdict(set)
        self._unions: list[tuple[Column, tuple[Column, ...]]] = []
        self._inductions: list[_Induction] = []

    def hold(self, column: Column, values: Iterable[Value]) -> None:
        self._held[column] |= frozenset(values)

    def carry(self, one: Column, other: Column) -> None:
        """Where the row of `other` counts, it equals `one`."""
        self._edges[one].add(other)

    def unite(self, column: Column, branches: tuple[Column, ...]) -> None:
        """The column has what one of the branches has."""
        self._unions.append((column, branches))

    def induce(self, column: Column, base: Column, step: Column) -> None:
        """The column of a recursive query, of its first branch, and of the one that sees the column."""
        self._inductions.append(_Induction(column, base, step))

    def demand(self, said: Said, of: Container[int]) -> None:
        """A condition that every row of these sources meets if it counts."""
        for columns, values in said:
            for column in columns:
                if column.source in of:
                    if values:
                        self.hold(column, values)
                    for other in columns - {column}:
                        self.carry(other, column)

    def held(self) -> dict[Column, frozenset[Value]]:
        """Each column that is held, with all values that it was found to be held to."""
        believed = list(self._inductions)
        while True:
            found = self._spread(believed)
            kept = [each for each in believed if each.step in found]
            if len(kept) == len(believed):
                return found
            believed = kept

    def _spread(self, believed: Sequence[_Induction]) -> dict[Column, frozenset[Value]]:
        found = {column: values for column, values in self._held.items() if values}
        edges = {column: set(others) for column, others in self._edges.items()}
        for each in believed:
            edges.setdefault(each.base, set()).add(each.column)
        fresh = set(found)
        while fresh:
            changed: set[Column] = set()
            for column in fresh:
                for other in edges.get(column, ()):
                    _add(found, other, found[column], changed)
            for column, branches in self._unions:
                if all(branch in found for branch in branches):
                    _add(found, column, frozenset().union(*(found[each] for each in branches)), changed)
            fresh = changed
        return found


def _add(
    found: dict[Column, frozenset[Value]], column: Column, values: frozenset[Value], changed: set[Column]
) -> None:
    known = found.get(column, frozenset())
    if not values <= known:
        found[column] = known | values
        changed.add(column)
