"""How far a database has grown: rows a relation, and what is told of columns that are too small to know.

A growth names absolute rows, not factors: a table without a row today has no factor.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tenfold.model.snapshot import Snapshot


class ColumnHint(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of a column at the grown size. What is left out follows from today's statistics."""

    #: Distinct values, absolute.
    distinct: float | None = None
    #: Share of nulls, 0 to 1.
    null_share: float | None = None
    #: The commonest values, in their type's text form, and their shares of all rows, the largest first.
    values: tuple[str, ...] | None = None
    frequencies: tuple[float, ...] | None = None
    #: Least and greatest value, in their type's text form.
    low: str | None = None
    high: str | None = None


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """A size to grow to."""

    #: Rows by relation oid. A relation that is not named keeps its rows; a partitioned table's rows are
    #: spread over its leaves as they are spread today, evenly where there are none.
    rows: Mapping[int, float] = {}
    #: By relation oid and attribute number.
    hints: Mapping[tuple[int, int], ColumnHint] = {}
    #: Relations that rows leave again: their window of time stays as long as it is.
    retained: frozenset[int] = frozenset()
    #: Days that pass until then. Rows that came with a time reach so much further into the past, as seen from
    #: there; the statistics are told as seen from today, for `now()` is today's. At 0 they come more densely.
    days: float = 0.0


class Assumption(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that no statistics told, and what was taken instead."""

    relation: int
    #: One clause, such as "status: 5 values alike in number, from the check".
    text: str
    #: Attribute number; None where it is about the whole relation.
    column: int | None = None


class Grown(msgspec.Struct, frozen=True):
    """A database at a grown size: rows, pages, statistics and index sizes as they would be."""

    snapshot: Snapshot
    assumptions: tuple[Assumption, ...] = ()
