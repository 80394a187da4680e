"""An order in which every row has one place: columns in any direction, and a unique key as the last word.

A column is taken to hold NULLs unless `nullable=False` promises that it does not: a promise that is wrong
is an error as soon as a row shows it, and until then rows with NULL may be missing from later pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from typing import Literal

from tenfold.errors import OrderError, UsageError
from tenfold.runtime.drivers import Row
from tenfold.runtime.quote import quoted_name

Nulls = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an order, by the name that the query gives it."""

    name: str
    descending: bool
    nullable: bool
    nulls_first: bool

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return f"{quoted_name(self.name)} {direction} NULLS {'FIRST' if self.nulls_first else 'LAST'}"

    @property
    def flipped(self) -> Column:
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)


def asc(name: str, *, nullable: bool = True, nulls: Nulls | None = None) -> Column:
    """Least first, with NULLs last unless `nulls` says otherwise, as in PostgreSQL."""
    return Column(name, False, nullable, nulls == "first")


def desc(name: str, *, nullable: bool = True, nulls: Nulls | None = None) -> Column:
    """Greatest first, with NULLs first unless `nulls` says otherwise, as in PostgreSQL."""
    return Column(name, True, nullable, nulls != "last")


class Order:
    """`Order(desc("created_at"), asc("name"), key="id")`.

    The key is the column or columns that are NOT NULL and together unique among the rows of the query.
    Those that are not named among the columns end the order, in the direction of the column before them.
    Raises UsageError for an order that cannot be.
    """

    __slots__ = ("_of_row", "columns", "key")

    def __init__(self, *columns: Column, key: str | Sequence[str]) -> None:
        names = (key,) if isinstance(key, str) else tuple(key)
        if not names:
            raise UsageError("an order needs a key: columns that tell any two rows of the query apart")
        ordered = [_of_key(column) if column.name in names else column for column in columns]
        named = [column.name for column in ordered]
        last = ordered[-1].descending if ordered else False
        ordered += [_of_key(Column(name, last, False, last)) for name in names if name not in named]
        if len({column.name for column in ordered}) < len(ordered) or len(set(names)) < len(names):
            raise UsageError("an order names a column twice")
        self.key = names
        self.columns = _up_to_key(ordered, names)
        self._of_row = itemgetter(*self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the query must select."""
        return tuple(column.name for column in self.columns)

    @property
    def sql(self) -> str:
        """What stands behind ORDER BY."""
        return ", ".join(column.sql for column in self.columns)

    @property
    def reversed(self) -> Order:
        return Order(*(column.flipped for column in self.columns), key=self.key)

    def values(self, row: Row) -> tuple[object, ...]:
        """The row's place. Raises OrderError where a column holds a NULL against the promise."""
        found: tuple[object, ...] = self._of_row(row) if len(self.columns) > 1 else (self._of_row(row),)
        for column, value in zip(self.columns, found, strict=True):
            if value is None and not column.nullable:
                raise OrderError(
                    f"column {column.name} holds NULL, but the order has it as "
                    + ("a part of its key" if column.name in self.key else "not nullable")
                    + "; say what is so"
                )
        return found

    def places(self, rows: Sequence[Row]) -> list[tuple[object, ...]]:
        """The place of each row. Raises OrderError where two share one: a cursor between them would skip."""
        found = [self.values(row) for row in rows]
        if any(one == other for one, other in pairwise(found)):
            raise OrderError(
                f"the key ({', '.join(self.key)}) is not unique among the rows of the query; name one that is"
            )
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Order) and (self.columns, self.key) == (other.columns, other.key)

    def __hash__(self) -> int:
        return hash((self.columns, self.key))

    def __repr__(self) -> str:
        return f"Order({self.sql})"


def _of_key(column: Column) -> Column:
    return replace(column, nullable=False, nulls_first=column.descending)


def _up_to_key(columns: list[Column], key: tuple[str, ...]) -> tuple[Column, ...]:
    """The columns up to the one that completes the key: behind it, no two rows are left to tell apart."""
    missing = set(key)
    for count, column in enumerate(columns, 1):
        missing.discard(column.name)
        if not missing:
            return tuple(columns[:count])
    return tuple(columns)
