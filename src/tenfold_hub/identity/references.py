"""Where ids of people are kept, in every domain, and what becomes of them when two people become one."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tenfold.runtime import quoted_name
from tenfold_hub.kit.records import Records

#: A row as JSON, column by column.
Image: TypeAlias = dict[str, Any]
#: What a column becomes, of the row that stays, which is first, and of those that go, the newest first.
Rule: TypeAlias = Callable[[str, Sequence[Image]], Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Rows that refer to people, or are merged with them. Its key leads with `organization_id`."""

    schema: str
    table: str
    #: The primary key, without the organization's column.
    key: tuple[str, ...] = ("id",)
    #: Where two rows become one: by column. Columns without a rule stay as they are in the row that stays.
    rules: Mapping[str, Rule] = field(default_factory=dict)
    #: It has `version` and `updated_at`.
    versioned: bool = True
    #: Where the rows are things of a resource: what follows its writes is told, and so is the audit log.
    records: Records | None = None

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def quoted(self) -> str:
        return quoted_name(self.schema, self.table)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """A column that holds ids."""

    table: Table
    column: str
    #: Of things of which resource.
    to: str = "people"
    #: Columns that are unique together with this one, so that two rows may become one: () where a person has
    #: at most one row. None: as many rows as there are.
    unique: tuple[str, ...] | None = None
    #: Columns of a polymorphic reference that say what it refers to: {"object_type": "person"}.
    where: Mapping[str, str] = field(default_factory=dict)


class References:
    """Of one hub. A domain adds its own when it joins; a merge follows all, in the order of their coming."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._references: dict[str, list[Reference]] = {}

    def add(self, *references: Reference) -> None:
        for each in references:
            self.know(each.table)
            self._references.setdefault(each.to, []).append(each)

    def know(self, table: Table) -> Table:
        """Raises ValueError for a second table of the same name."""
        if self._tables.setdefault(table.name, table) is not table:
            raise ValueError(f"{table.name} is described twice; share one Table")
        return table

    def of(self, resource: str) -> Sequence[Reference]:
        return self._references.get(resource, ())

    def table(self, name: str) -> Table:
        """Raises KeyError."""
        return self._tables[name]


# --- rules -------------------------------------------------------------------------------------------


def survivor(column: str, rows: Sequence[Image]) -> Any:
    """The value of the row that stays; where it has none, the newest of the others."""
    return next((row[column] for row in rows if row[column] is not None), None)


def newest(column: str, rows: Sequence[Image]) -> Any:
    """The value of the row that was changed last, of those that have one."""
    return survivor(column, sorted(rows, key=_changed, reverse=True))


def union(column: str, rows: Sequence[Image]) -> Any:
    """All keys of maps and all members of lists; true where one says so. The row that stays comes first."""
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return None
    if isinstance(values[0], dict):
        return {name: value for each in reversed(values) for name, value in each.items()}
    if isinstance(values[0], list):
        members = [member for each in values for member in each]
        return [member for place, member in enumerate(members) if member not in members[:place]]
    return any(values)


def furthest(*order: str) -> Rule:
    """The value that comes last in an order: of stages, or of how strictly somebody is suppressed."""
    places = {value: place for place, value in enumerate(order)}

    def rule(column: str, rows: Sequence[Image]) -> Any:
        return max((row[column] for row in rows), key=lambda value: places.get(value, -1))

    return rule


def largest(column: str, rows: Sequence[Image]) -> Any:
    """Of numbers and times."""
    return max((row[column] for row in rows if row[column] is not None), key=_comparable, default=None)


def smallest(column: str, rows: Sequence[Image]) -> Any:
    return min((row[column] for row in rows if row[column] is not None), key=_comparable, default=None)


def total(column: str, rows: Sequence[Image]) -> Any:
    return sum(row[column] or 0 for row in rows)


def live(column: str, rows: Sequence[Image]) -> Any:
    """Of `archived_at`: what is made of several is archived only if all were."""
    return None if any(row[column] is None for row in rows) else largest(column, rows)


def changed_last(rows: Sequence[Image]) -> list[Image]:
    """The newest first; rows without a time stay in their order."""
    return sorted(rows, key=_changed, reverse=True)


def _changed(row: Image) -> datetime.datetime:
    text = row.get("updated_at")
    return (
        datetime.datetime.fromisoformat(text) if text else datetime.datetime.min.replace(tzinfo=datetime.UTC)
    )


def _comparable(value: Any) -> Any:
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else value
