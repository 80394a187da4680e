"""The shape of a statement: which tables it uses, and by which columns it finds, sorts and joins their rows.

Values play no part. What cannot be parsed has no shape, a column whose table cannot be told is in no shape,
and a condition that is not understood is only `mentioned`: a rule that finds nothing in a shape stays silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from tenfold.statements.equalities import Edge, Hold, spread

Kind = Literal["select", "insert", "update", "delete", "merge"]
#: What is done to the table.
Access = Literal["read", "insert", "update", "delete", "merge"]


class OrderKey(msgspec.Struct, frozen=True):
    column: str
    descending: bool
    nulls_first: bool


class TableUse(msgspec.Struct, frozen=True, kw_only=True):
    """One relation as one scope of a statement uses it. Columns are named as the catalog names them.

    A column that a join makes equal to a compared one is compared too, as the planner sees it.
    """

    relation: int
    alias: str
    access: Access = "read"
    #: Compared by `=` with a parameter, a constant or something that is one for each run.
    equal: frozenset[str] = frozenset()
    #: Compared by IN (...) or = ANY (...) with several of them.
    listed: frozenset[str] = frozenset()
    #: Equal to a column of another use, or to what a sub-query returns.
    joined: frozenset[str] = frozenset()
    #: Compared by <, <=, >, >= or BETWEEN with a parameter or constant; and those that both ends bound.
    ranged: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    #: In any condition of WHERE or ON, understood or not.
    mentioned: frozenset[str] = frozenset()
    #: Held to few values in any way: equal, listed, IS NULL, through an expression, by another use; and
    #: whether that removes all other rows.
    held: Mapping[str, Hold] = {}
    #: ORDER BY of its scope, without columns that are `equal`, where it is the only table there and all keys
    #: are plain columns of it.
    order: tuple[OrderKey, ...] = ()
    #: GROUP BY columns of it.
    grouped: frozenset[str] = frozenset()
    #: Whether it is the only source of rows in its scope, and whether that scope has a LIMIT.
    alone: bool = False
    limited: bool = False
    #: Columns that an INSERT or MERGE gives a value; None where it names none and so gives all.
    supplies: frozenset[str] | None = None
    #: Columns that an UPDATE sets.
    assigned: frozenset[str] = frozenset()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    uses: tuple[TableUse, ...]
    #: Which uses a condition ties to each other, by their places in `uses`.
    links: tuple[Edge[int], ...] = ()
    #: Whether the whole statement has a LIMIT; returns one row by aggregation; groups or removes duplicates.
    limited: bool = False
    one_row: bool = False
    condensed: bool = False

    def reached(self, held: Mapping[int, Hold]) -> Mapping[int, Hold]:
        """The uses whose rows are tied to rows of those that are held, themselves included."""
        return spread(held, self.links)
