"""What stands in FROM: relations and the rows of queries, and the columns that names in it mean.

A name of a column that nobody has is not wrong here: only the tenant column of each table is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tenfold.runtime.guard.facts import Column, Facts
from tenfold.runtime.guard.tables import TenantTable


class Rows(Protocol):
    """Rows with columns; `source` is their number in the statement."""

    @property
    def source(self) -> int: ...

    def has(self, name: str) -> bool | None:
        """None where it is not known."""
        ...

    def named(self, name: str) -> Column | None: ...

    def at(self, place: int) -> Column | None:
        """By place, from 0."""
        ...

    def place(self, name: str) -> int | None: ...

    @property
    def width(self) -> int | None: ...


class Relation:
    """A table; `table` where it has the tenant column, which `tenant` is."""

    width = None

    def __init__(self, source: int, column: str, table: TenantTable | None) -> None:
        self.source, self.table, self._column = source, table, column
        self.tenant = Column(source, column)

    def has(self, name: str) -> bool | None:
        return self.table is not None if name == self._column else None

    def named(self, name: str) -> Column | None:
        return None if self.has(name) is False else Column(self.source, name)

    def at(self, place: int) -> Column | None:
        known = self.table is not None and self.table.position == place + 1
        return self.tenant if known else None

    def place(self, name: str) -> int | None:
        if name != self._column or self.table is None or self.table.position is None:
            return None
        return self.table.position - 1


class Listed:
    """Columns that are known by name: those of a function, of VALUES, of nothing."""

    def __init__(self, source: int, names: Sequence[str] | None) -> None:
        self.source, self._names = source, names

    @property
    def width(self) -> int | None:
        return None if self._names is None else len(self._names)

    def has(self, name: str) -> bool | None:
        return None if self._names is None else name in self._names

    def named(self, name: str) -> Column | None:
        return None if self.has(name) is False else Column(self.source, name)

    def at(self, place: int) -> Column | None:
        names = self._names or ()
        return Column(self.source, names[place]) if place < len(names) else None

    def place(self, name: str) -> int | None:
        names = self._names or ()
        return list(names).index(name) if name in names else None


class Item(NamedTuple):
    """One of a SELECT list: an expression, or all columns of `star`."""

    name: str = ""
    #: The column that it is, where it is one and no more.
    value: Column | None = None
    star: Rows | None = None
    #: The columns that are held in the rows that a row is made of if they are in the row; None: all.
    inward: frozenset[Column] | None = frozenset()


class Selected:
    """The rows of a SELECT, or of RETURNING."""

    def __init__(self, source: int, items: Sequence[Item], facts: Facts) -> None:
        self.source, self._items, self._facts = source, items, facts
        self._known: dict[str, Column | None] = {}

    @property
    def width(self) -> int | None:
        widths = [1 if item.star is None else item.star.width for item in self._items]
        return None if None in widths else sum(width or 0 for width in widths)

    def has(self, name: str) -> bool | None:
        answers = [item.name == name if item.star is None else item.star.has(name) for item in self._items]
        return True if True in answers else (None if None in answers else False)

    def named(self, name: str) -> Column | None:
        if name not in self._known:
            self._known[name] = self._linked(name, self._item(name))
        return self._known[name]

    def at(self, place: int) -> Column | None:
        for item in self._items:
            width = 1 if item.star is None else item.star.width
            if width is None or place < width:
                if item.star is not None:
                    item = item._replace(value=item.star.at(place))
                return self._linked(item.name or f"?{place}", item)
            place -= width
        return None

    def place(self, name: str) -> int | None:
        before = 0
        for item in self._items:
            if item.star is not None:
                inside = item.star.place(name)
                if inside is not None:
                    return before + inside
                if item.star.width is None:
                    return None
                before += item.star.width
            elif item.name == name:
                return before
            else:
                before += 1
        return None

    def _item(self, name: str) -> Item | None:
        for item in self._items:
            if item.star is None and item.name == name:
                return item
        stars = [item for item in self._items if item.star is not None and item.star.has(name) is not False]
        sure = [item for item in stars if item.star is not None and item.star.has(name)]
        found = sure or stars
        if len(found) != 1 or found[0].star is None:
            return None
        return found[0]._replace(value=found[0].star.named(name))

    def _linked(self, name: str, item: Item | None) -> Column | None:
        if item is None or item.value is None:
            return None
        column = Column(self.source, name)
        self._facts.carry(item.value, column)
        if item.inward is None or item.value in item.inward:
            self._facts.carry(column, item.value)
        return column


class United:
    """The rows of two branches of a UNION, INTERSECT or EXCEPT: the names of the first, by place."""

    def __init__(self, source: int, left: Rows, right: Rows, facts: Facts, *, inward: bool) -> None:
        self.source, self._left, self._right = source, left, right
        self._facts, self._inward = facts, inward

    @property
    def width(self) -> int | None:
        return self._left.width

    def has(self, name: str) -> bool | None:
        return self._left.has(name)

    def place(self, name: str) -> int | None:
        return self._left.place(name)

    def named(self, name: str) -> Column | None:
        place = self.place(name)
        return None if place is None else self._at(place, name)

    def at(self, place: int) -> Column | None:
        return self._at(place, f"?{place}")

    def _at(self, place: int, name: str) -> Column | None:
        branches = self._left.at(place), self._right.at(place)
        column = Column(self.source, name)
        if branches[0] is not None and branches[1] is not None:
            self._facts.unite(column, (branches[0], branches[1]))
        if self._inward:
            for branch in branches:
                if branch is not None:
                    self._facts.carry(column, branch)
        return column


class Recursive:
    """What the second branch of a recursive query sees: the rows of both."""

    def __init__(self, source: int, base: Rows, facts: Facts) -> None:
        self.source, self._base, self._facts = source, base, facts
        self._step: Rows | None = None
        self._asked: list[tuple[Column, int]] = []
        self._known: set[Column] = set()

    @property
    def width(self) -> int | None:
        return self._base.width

    def has(self, name: str) -> bool | None:
        return self._base.has(name)

    def place(self, name: str) -> int | None:
        return self._base.place(name)

    def named(self, name: str) -> Column | None:
        place = self.place(name)
        return None if place is None else self.at(place)

    def at(self, place: int) -> Column | None:
        column = Column(self.source, f"?{place}")
        if column not in self._known:
            self._known.add(column)
            self._asked.append((column, place))
            if self._step is not None:
                self._induce()
        return column

    def stepped(self, step: Rows) -> None:
        """The second branch has been read."""
        self._step = step
        self._induce()

    def _induce(self) -> None:
        while self._asked and self._step is not None:
            column, place = self._asked.pop()
            base, step = self._base.at(place), self._step.at(place)
            if base is not None and step is not None:
                self._facts.induce(column, base, step)


class Renamed:
    """`AS x (a, b)`: the first columns under other names."""

    def __init__(self, rows: Rows, names: Sequence[str]) -> None:
        self._rows, self._names = rows, list(names)
        self.source = rows.source

    @property
    def width(self) -> int | None:
        return self._rows.width

    def has(self, name: str) -> bool | None:
        if name in self._names:
            return True
        place = self._rows.place(name)
        if place is not None:
            return place >= len(self._names)
        # It may be among those that have another name now.
        return None if self._rows.has(name) else self._rows.has(name)

    def named(self, name: str) -> Column | None:
        if name in self._names:
            return self._rows.at(self._names.index(name)) or Column(self.source, f"renamed {name}")
        return self._rows.named(name) if self.has(name) else None

    def at(self, place: int) -> Column | None:
        return self._rows.at(place)

    def place(self, name: str) -> int | None:
        if name in self._names:
            return self._names.index(name)
        place = self._rows.place(name)
        return place if place is not None and place >= len(self._names) else None
