"""The way into a table that a statement asks for, and whether an index gives it.

A path is the columns compared by equality, then either the columns that give the whole ORDER BY or one
column of a range: what one descent of a B-tree can use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

import msgspec

from tenfold.model.relations import Column, Index, Relation
from tenfold.model.remedy import Key
from tenfold.rules.column_types import base_type
from tenfold.rules.subject import Subject
from tenfold.rules.tenant_binding import binds, tenant_column
from tenfold.rules.value_counts import distinct_values, has_few_values
from tenfold.statements.shape import OrderKey, TableUse

# Columns compared by equality beside the tenant column that an index holds at most: with three, hardly more
# than one row is left, and each more makes every entry wider.
_MOST_EQUAL = 3


class Path(msgspec.Struct, frozen=True):
    """Columns by name. `lead` is the tenant column where the statement binds it."""

    lead: tuple[str, ...]
    equal: tuple[str, ...]
    order: tuple[OrderKey, ...] = ()
    range: str | None = None

    @property
    def fixed(self) -> tuple[str, ...]:
        return self.lead + self.equal

    @property
    def tail(self) -> tuple[Key, ...]:
        """The keys behind those compared by equality."""
        if self.range is not None:
            return (Key(column=self.range),)
        return tuple(
            Key(
                column=key.column,
                descending=key.descending,
                nulls_first=key.nulls_first if key.nulls_first is not key.descending else None,
            )
            for key in self.order
        )

    @property
    def keys(self) -> tuple[Key, ...]:
        return (*(Key(column=name) for name in self.fixed), *self.tail)


def wanted_path(subject: Subject, table: Relation, use: TableUse) -> Path | None:
    """The path by which a use finds its rows; None where none is worth an index, or none is understood."""
    tenant = tenant_column(subject, use)
    lead = (tenant.name,) if tenant is not None and binds(subject, use) else ()
    if not lead and use.joined:
        return None  # it may be entered by the join
    compared = (use.equal | use.listed) - set(lead)
    equal = _equal(subject, table, compared)
    order = _order(subject, table, use)
    if not order and any(key <= compared for key in _foreign_keys(subject, table)):
        return None  # that is `fk-index-missing`, or served
    ranged = None if order or use.listed else _ranged(subject, table, use)
    path = Path(lead, equal, order, ranged if lead or equal else None)
    return path if _is_worth_an_index(subject, table, path) else None


def is_served(subject: Subject, table: Relation, use: TableUse, path: Path) -> bool:
    """Whether an index gives the path, or finds no more than one row by less."""
    if any(_serves(subject, table, index, use, path) for index in subject.snapshot.indexes_of(table.oid)):
        return True
    parts = [subject.snapshot.relation_by_oid[oid] for oid in subject.snapshot.children_of(table.oid)]
    tables = [part for part in parts if part.is_table] if table.kind == "p" else []
    return bool(tables) and all(is_served(subject, part, use, path) for part in tables)


# --- what a use asks for ---


def _equal(subject: Subject, table: Relation, compared: Set[str]) -> tuple[str, ...]:
    columns = [
        column
        for name in compared
        if (column := _key_column(subject, table, name)) is not None and column.type != "boolean"
    ]
    columns.sort(key=lambda column: (-(distinct_values(subject, column) or 0.0), column.number))
    return tuple(column.name for column in sorted(columns[:_MOST_EQUAL], key=lambda column: column.number))


def _order(subject: Subject, table: Relation, use: TableUse) -> tuple[OrderKey, ...]:
    """The whole ORDER BY, where it ends early by a LIMIT; rows of several values come in no common order."""
    if not use.limited or not use.alone or use.listed:
        return ()
    known = all(subject.snapshot.column(table.oid, key.column) is not None for key in use.order)
    return use.order if known else ()


def _ranged(subject: Subject, table: Relation, use: TableUse) -> str | None:
    """One column between limits, rather one with two of them."""
    columns = (_key_column(subject, table, name, "<") for name in use.ranged)
    found = [column for column in columns if column is not None]
    found.sort(key=lambda column: (column.name not in use.closed, column.number))
    return found[0].name if found else None


def _key_column(subject: Subject, table: Relation, name: str, operator: str = "=") -> Column | None:
    """The column where a B-tree can search by it, also for a role that row-level security binds."""
    column = subject.snapshot.column(table.oid, name)
    if column is None or column.type_category == "A" or column.type in ("json", "jsonb", "xml"):
        return None
    if table.oid in subject.tenant_column_of and not _is_leakproof(subject, column, operator):
        return None
    return column


def _is_leakproof(subject: Subject, column: Column, operator: str) -> bool:
    """Whether the type's operator is; a type that the snapshot does not tell of is taken for one that is."""
    of = "anyenum" if column.type_kind == "e" else base_type(subject.snapshot, column)
    return subject.once(_leakproof).get((operator, of), True)


def _leakproof(subject: Subject) -> dict[tuple[str, str], bool]:
    return {
        (operator.name, operator.left): operator.leakproof
        for operator in subject.snapshot.operators
        if operator.left is not None and operator.left == operator.right
    }


def _foreign_keys(subject: Subject, table: Relation) -> Iterable[frozenset[str]]:
    tenant = subject.tenant_column_of.get(table.oid)
    for key in subject.snapshot.foreign_keys_of(table.oid):
        if tenant is None or key.columns != (tenant.number,):
            yield frozenset(subject.snapshot.column_names(table.oid, key.columns))


def _is_worth_an_index(subject: Subject, table: Relation, path: Path) -> bool:
    if path.tail:
        return True
    if path.lead or not path.equal:
        return bool(path.equal)
    columns = [subject.snapshot.column(table.oid, name) for name in path.equal]
    return not all(column is not None and has_few_values(subject, column) for column in columns)


# --- what an index gives ---


def _serves(subject: Subject, table: Relation, index: Index, use: TableUse, path: Path) -> bool:
    snapshot = subject.snapshot
    building = any(build.relation == table.oid for build in snapshot.index_builds)
    if not building and not (index.valid and index.ready):
        return False
    if index.method not in ("btree", "hash"):
        return False
    names = [
        snapshot.column_by_number[table.oid, number].name if number else "" for number in index.key_columns
    ]
    if index.predicate is not None and not _may_cover(subject, index, use):
        return False
    if index.unique and index.valid and set(names) <= use.equal:
        return True
    count = len(path.fixed)
    if set(names[:count]) != set(path.fixed):
        return False
    if index.method == "hash":
        return count == 1 and not path.tail
    if path.range is not None:
        return names[count : count + 1] == [path.range]
    return _gives_order(index, names, count, path.order)


def _gives_order(index: Index, names: Sequence[str], start: int, order: Sequence[OrderKey]) -> bool:
    """Read forwards or backwards."""
    if list(names[start : start + len(order)]) != [key.column for key in order]:
        return False
    turned = {
        (
            index.descending(start + place) is not key.descending,
            index.nulls_first(start + place) is not key.nulls_first,
        )
        for place, key in enumerate(order)
    }
    return turned in (set(), {(False, False)}, {(True, True)})


def _may_cover(subject: Subject, index: Index, use: TableUse) -> bool:
    """Whether the statement says something of every column of the predicate: values are in no shape."""
    told = {
        *subject.snapshot.column_names(index.relation, index.key_columns),
        *use.mentioned,
        *use.held,
    }
    return set(subject.snapshot.column_names(index.relation, index.depends or ())) <= told
