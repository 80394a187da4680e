"""The shape of `fill.toml`: how many tenants and rows, and what may stand in a column.

Unknown keys are errors. Sizes are given for one tenant or for one row of a parent table, so the same file
serves any number of tenants.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from tenfold.errors import ConfigError

Scalar: TypeAlias = str | int | float | bool
#: What plain text a column holds; guessed from its name where no hint says it.
TextKind = Literal[
    "city", "company", "email", "first_name", "full_name", "hex", "job_title", "label", "last_name", "phone",
    "sentence", "slug", "state", "street", "url", "user", "word", "zip_code",
]  # fmt: skip


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ColumnHint(_Section, frozen=True, kw_only=True):
    """What a column holds: at most one of `choices`, `cycle`, `json`, `text` and `refers_to`, or limits."""

    #: Values at equal odds, or values with weights.
    choices: tuple[Scalar, ...] | dict[str, float] | None = None
    #: Values in turn, from the first again for each tenant.
    cycle: tuple[Scalar, ...] | None = None
    #: Keys of a JSON object, each with its possible values.
    json: dict[str, tuple[Scalar, ...]] | None = None
    text: TextKind | None = None
    #: `table.column` of a row of the same tenant, without a foreign key.
    refers_to: str | None = None
    #: First and last day of a date or time.
    window: tuple[datetime.date, datetime.date] | None = None
    #: Lowest and highest number, both included; with `after`, seconds.
    range: tuple[float, float] | None = None
    #: The time column that this one follows.
    after: str | None = None
    #: Share of nulls.
    nulls: float = 0.0

    def __post_init__(self) -> None:
        sources = (self.choices, self.cycle, self.json, self.text, self.refers_to)
        if sum(source is not None for source in sources) > 1:
            raise ValueError("a column takes only one of choices, cycle, json, text and refers_to")


class TableFill(_Section, frozen=True, kw_only=True):
    """How many rows a table gets: for each tenant, or for each row of the table named in `per`."""

    #: Mean rows a tenant.
    per_tenant: float | None = None
    #: Every tenant gets the same, and `scale` does not apply: settings and the like.
    even: bool = False
    per: str | None = None
    #: Mean rows for one row of `per`; which one is drawn by lot.
    rows: float | None = None
    #: Rows for each row of `per`; 0.25 is one row for a quarter of them.
    each: float | None = None
    columns: dict[str, ColumnHint] = {}

    @property
    def is_sized(self) -> bool:
        """Whether its number of rows is said, and once."""
        sizes = [size for size in (self.per_tenant, self.rows, self.each) if size is not None]
        return len(sizes) == 1 and sizes[0] >= 0 and (self.per is None) is (self.per_tenant is not None)


class FillSpec(_Section, frozen=True, kw_only=True):
    tenant_table: str
    tenant_column: str
    tenants: int = 40
    #: Exponent of Zipf's law: the k-th largest tenant has 1/k^skew of the largest's rows.
    skew: float = 1.0
    #: Same seed, same rows.
    seed: int = 1
    window: tuple[datetime.date, datetime.date]
    #: Hints for a column name wherever it occurs; a table's own hint goes first.
    columns: dict[str, ColumnHint] = {}
    #: By name. The tenant table has a row for each tenant, and at most hints here.
    tables: dict[str, TableFill]

    def __post_init__(self) -> None:
        for name, table in self.tables.items():
            if name == self.tenant_table:
                if table != TableFill(columns=table.columns):
                    raise ValueError(f"table {name} has one row for each tenant; give it only columns")
            elif not table.is_sized:
                raise ValueError(f"table {name} needs either per_tenant, or per with rows or each")

    def hint(self, table: str, column: str) -> ColumnHint | None:
        own = self.tables[table].columns.get(column) if table in self.tables else None
        return own or self.columns.get(column)


def read_fill_spec(path: Path) -> FillSpec:
    """The file's contents. Raises ConfigError where it cannot be read or means nothing."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=FillSpec)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
