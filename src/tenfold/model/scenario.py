"""How the tenants of a database and their rows grow: the shape of a scenario file, and what it comes to.

A month is 30 days in rates and retention, so that five rows a month kept for 30 days are five rows; dates are
counted in months of the calendar.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from tenfold.model.growth import Assumption, Growth

#: What `per` says for a row of every tenant; the tenant table's own name says the same.
TENANT = "tenant"
#: Days that a month has where rates are counted.
MONTH_DAYS = 30.0

Scalar: TypeAlias = str | int | float | bool

_PERCENT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*%\s*\Z")


class Rate(msgspec.Struct, frozen=True):
    """A change a month: rows, or a share of what is there."""

    amount: float
    is_share: bool = False


def rate_of(growth: float | str | None) -> Rate | None:
    """What a `growth` says. Raises ValueError where it says neither a number nor a percentage."""
    if growth is None or not isinstance(growth, str):
        return None if growth is None else Rate(growth)
    match = _PERCENT.match(growth)
    if match is None:
        raise ValueError(f'growth {growth!r} is neither a number nor a percentage such as "5%"')
    return Rate(float(match[1]) / 100, is_share=True)


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Unknown keys are errors: a misspelt key must not pass in silence."""


class Target(_Section, frozen=True):
    #: Instead of `growth`: how many tenants there will be, reached at an even percentage, and going on so.
    count: int
    #: The day on which there are so many.
    date: datetime.date


class Tenants(_Section, frozen=True):
    #: Tenants at the start. Left out: as many as the database has.
    count: int | None = None
    #: More tenants a month: a number, or a percentage such as `"5%"`, compounding.
    growth: float | str | None = None
    #: Instead of `growth`.
    target: Target | None = None
    #: Share of all rows that the largest tenant has, from 0 to 1; the others follow by Zipf's law.
    largest_share: float | None = None
    #: Instead of `largest_share`: the exponent of Zipf's law. 0 is all alike, 1 is usual.
    zipf: float | None = None
    #: Where a figure is a guess: why. Forecasts name it.
    assumed: str | None = None

    def __post_init__(self) -> None:
        rate_of(self.growth)


class ColumnContent(_Section, frozen=True):
    #: Distinct values.
    distinct: float | None = None
    #: Share of nulls, from 0 to 1.
    null_share: float | None = None
    #: The commonest values and their shares of all rows: `{ new = 0.4, won = 0.02 }`.
    values: dict[str, float] = {}
    #: Least value; dates and times as text.
    low: Scalar | None = None
    #: Greatest value.
    high: Scalar | None = None
    #: Where a figure is a guess: why. Forecasts name it.
    assumed: str | None = None


class TableGrowth(_Section, frozen=True):
    #: What `rows`, `growth` and `monthly` are counted for: each row of this table, by `name` or
    #: `schema.name`, or each `"tenant"`. Left out: they are of the whole table.
    per: str | None = None
    #: Rows at the start. Left out: as many as there are now.
    rows: float | None = None
    #: How `rows` grows a month: a number, or a percentage such as `"5%"`, compounding. New tenants and
    #: parents come with as many rows as the others have by then.
    growth: float | str | None = None
    #: Instead of `growth`: rows that arrive a month. New tenants and parents begin with none.
    monthly: float | None = None
    #: Days after which rows leave; what is there then follows from `monthly`, and `rows` is left out.
    retention_days: float | None = None
    #: By column name; see `[tables.NAME.columns.NAME]`.
    columns: dict[str, ColumnContent] = {}
    #: Where a figure is a guess: why. Forecasts name it.
    assumed: str | None = None

    def __post_init__(self) -> None:
        rate_of(self.growth)


class Budgets(_Section, frozen=True):
    """Milliseconds that a query may take, by its kind (the resources and runs platform's targets, p95)."""

    #: A query that returns rows as they are.
    read: float = 100.0
    #: INSERT, UPDATE, DELETE and MERGE.
    write: float = 200.0
    #: A query that counts, sums or groups.
    aggregation: float = 500.0
    #: A query that somebody waits for at a screen that updates itself.
    realtime: float = 50.0


class Scenario(_Section, frozen=True):
    #: The day of month 0. Left out: the day on which the database was read.
    start: datetime.date | None = None
    #: What to look at, in order: months after the start, or dates.
    at: tuple[int | float | datetime.date, ...] = (0, 1, 3, 6, 12, 24)
    tenants: Tenants = Tenants()
    #: By `name` or `schema.name`. A table that is not named grows with the table that it belongs to, or else
    #: with the tenants, as it is to them now; what belongs to no tenant stays.
    tables: dict[str, TableGrowth] = {}
    budgets: Budgets = Budgets()


class Point(msgspec.Struct, frozen=True):
    """The database at one date of a scenario."""

    date: datetime.date
    #: Months after the start.
    months: float
    tenants: float
    growth: Growth
    #: Rows that a month adds from here on, by relation oid, at the present size of the parents. Of a relation
    #: in `growth.retained`, the rows that arrive: about as many leave.
    monthly: Mapping[int, float]
    #: What the scenario takes for granted.
    assumptions: tuple[Assumption, ...] = ()


class Draft(msgspec.Struct, frozen=True):
    """A scenario as a database suggests it, with remarks for whoever edits it."""

    scenario: Scenario
    #: By dotted path, such as ("tables", "leads", "rows"): a remark behind a key, or above a section.
    remarks: Mapping[tuple[str, ...], str] = {}
