"""The statement that reads on from a place in an order, so that an index can go straight to that place.

The query is wrapped, not appended to: an OR or a GROUP BY of its own keeps its meaning, any column it
selects can be ordered by, and the planner pulls a plain SELECT up, so that the index on its table serves.

The rows behind a place are written as one range for each run of columns that an index can take as a whole:

    (created_at, id) < ($2, $3)                                    one direction: a single range
    priority = $2 AND (created_at, id) > ($3, $4)   then   priority < $2                       mixed: two

The ranges are disjoint, each is read by its own index condition up to the limit, and they are united by
UNION ALL. A single OR would give the index the first column only, and every row that shares its value with
the place would be read and thrown away again.

The server plans each range whenever it is asked, which takes longer than reading it. So where a page lay
whole in one range, the next is first looked for in the nearest alone, and in all only where that is short.

Of a query of several SELECTs each is read like that, and what two of them give falls out where their rows
meet: in the order, next to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tenfold.errors import UsageError
from tenfold.runtime.paging.order import Column, Order
from tenfold.runtime.quote import quoted_name

_STRING = re.compile(r"'(?:[^']|'')*'")
_PARAMETER = re.compile(r"\$(\d+)")


class Query:
    """A SELECT without ORDER BY and LIMIT, with `$1, $2, ...`, and its parameters.

    `also` are further SELECTs of the same columns, with the same parameters: the rows are those that any of
    them gives, each once. An index may serve each of them where none would serve an OR of their conditions.

    A cursor is bound to the text and the parameters. Where a parameter moves with the clock, give something
    that does not as `bound_to`, in place of all parameters, or the cursor of now is refused in a minute.
    Raises UsageError for a text that cannot be wrapped.
    """

    __slots__ = ("bound_to", "parameters", "text", "texts")

    def __init__(
        self, text: str, *parameters: object, also: Sequence[str] = (), bound_to: object = None
    ) -> None:
        self.texts = tuple(each.strip() for each in (text, *also))
        self.text = "\nUNION\n".join(self.texts)
        self.parameters = parameters
        self.bound_to = bound_to
        if any(not each or each.endswith(";") for each in self.texts):
            raise UsageError("a query to page through is one SELECT, without a semicolon at its end")
        # A number beyond the parameters would silently take a value of the cursor.
        used = max((int(number) for number in _PARAMETER.findall(_STRING.sub("", self.text))), default=0)
        if used > len(parameters):
            raise UsageError(f"the query uses ${used}, but has {len(parameters)} parameters")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order, and which way to read on from it."""

    values: tuple[object, ...]
    backward: bool = False
    #: Whether a row at the place itself belongs to what follows.
    inclusive: bool = False
    #: Whether the nearest range is likely to hold a whole page.
    dense: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    parameters: tuple[object, ...]
    #: The ranges, nearest first; none where it reads from the beginning.
    ranges: tuple[str, ...] = ()


def statement(
    query: Query, order: Order, limit: int, position: Position | None = None, *, nearest: bool = False
) -> Statement:
    """Reads `limit` rows from the beginning or from the position; backward, the nearest row comes first.

    With `nearest`, of the nearest range alone.
    """
    if position is None:
        return Statement(_first(query.texts, order, limit), query.parameters)
    directed = order.reversed if position.backward else order
    values = [value for value in position.values if value is not None]
    nulls = tuple(value is None for value in position.values)
    text, ranges = _written(
        query.texts, len(query.parameters) + 1, directed, limit, nulls, position.inclusive, nearest
    )
    return Statement(text, (*query.parameters, *values), ranges)


def is_dense(order: Order, places: Sequence[tuple[object, ...]]) -> bool:
    """Whether these rows, two at least, lie in one range, so that the next page is likely to do so, too."""
    if len(places) < 2:
        return False
    leading = _leading(order, tuple(value is None for value in places[-1]))
    return places[0][:leading] == places[-1][:leading]


@lru_cache(maxsize=512)
def _leading(order: Order, nulls: tuple[bool, ...]) -> int:
    """The columns before the last run: rows that agree in them lie in one range."""
    return sum(map(len, _runs(_placed(order, nulls, 1))[:-1]))


@lru_cache(maxsize=512)
def _written(
    texts: tuple[str, ...],
    first_number: int,
    order: Order,
    limit: int,
    nulls: tuple[bool, ...],
    inclusive: bool,
    nearest: bool,
) -> tuple[str, tuple[str, ...]]:
    """The statement and its ranges. They depend on which values are NULL, and on no value."""
    ranges = tuple(_ranges(_runs(_placed(order, nulls, first_number)), inclusive))[: 1 if nearest else None]
    selects = [_select(text, order, limit, each) for each in ranges for text in texts]
    return _united(selects, order, limit, overlap=len(texts) > 1), ranges


@lru_cache(maxsize=512)
def _first(texts: tuple[str, ...], order: Order, limit: int) -> str:
    return _united([_select(text, order, limit) for text in texts], order, limit, overlap=len(texts) > 1)


def _select(text: str, order: Order, limit: int, condition: str = "") -> str:
    where = f"WHERE {condition}\n" if condition else ""
    # The line break ends a comment that the query may end in.
    return f"SELECT * FROM (\n{text}\n) AS page\n{where}ORDER BY {order.sql}\nLIMIT {limit:d}"


def _united(selects: list[str], order: Order, limit: int, *, overlap: bool) -> str:
    if len(selects) == 1:
        return selects[0]
    union = "\nUNION ALL\n".join(f"({select})" for select in selects)
    # No two rows agree in the columns of the order, which end in the key: those that do are one row.
    once = f"DISTINCT ON ({', '.join(map(quoted_name, order.names))}) " if overlap else ""
    return f"SELECT {once}* FROM (\n{union}\n) AS page\nORDER BY {order.sql}\nLIMIT {limit:d}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A column, and the parameter that holds the place's value; none where that is NULL."""

    column: Column
    parameter: str | None

    @property
    def name(self) -> str:
        return quoted_name(self.column.name)

    @property
    def same(self) -> str:
        return f"{self.name} = {self.parameter}" if self.parameter else f"{self.name} IS NULL"


def _ranges(runs: Sequence[Sequence[_Placed]], inclusive: bool) -> Iterator[str]:
    for depth in range(len(runs) - 1, -1, -1):
        before = [placed.same for run in runs[:depth] for placed in run]
        for behind in _behind(runs[depth], inclusive and depth == len(runs) - 1):
            yield " AND ".join([*before, behind])


def _placed(order: Order, nulls: Sequence[bool], number: int) -> Iterator[_Placed]:
    for column, null in zip(order.columns, nulls, strict=True):
        if null:
            yield _Placed(column, None)
        else:
            yield _Placed(column, f"${number}")
            number += 1


def _runs(placed: Iterable[_Placed]) -> list[list[_Placed]]:
    """Columns that one row comparison covers: neighbours of one direction, of which the first alone may hold
    NULLs elsewhere, before or behind all that is compared.
    """
    runs: list[list[_Placed]] = []
    for each in placed:
        first = runs[-1][0] if runs else None
        if (
            first is not None
            and first.parameter is not None
            and first.column.descending == each.column.descending
            and not each.column.nullable
        ):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _behind(run: Sequence[_Placed], inclusive: bool) -> Iterator[str]:
    """The ranges of a run behind the place, nearest first."""
    first = run[0]
    compared = ("<" if first.column.descending else ">") + ("=" if inclusive else "")
    if first.parameter is None:
        if first.column.nulls_first:
            yield f"{first.name} IS NOT NULL"
        return
    if len(run) == 1:
        yield f"{first.name} {compared} {first.parameter}"
    else:
        names = ", ".join(each.name for each in run)
        parameters = ", ".join(str(each.parameter) for each in run)
        yield f"({names}) {compared} ({parameters})"
    if first.column.nullable and not first.column.nulls_first:
        yield f"{first.name} IS NULL"
