"""Rows for a schema: any number of tenants, some far larger than others, every key valid within its tenant.

`generate` is a function of its arguments. Each column has a random stream of its own, seeded by the
specification's seed, the first tenant's key and the column's name: the same call gives the same rows, and a
changed hint changes one column.

Whose row it is, is settled first; then it takes its keys from rows of the same tenant. What the row that it
was made for (`per`) refers to, it refers to as well, so an inbox item and its message have one lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from tenfold.bench.columns import (
    NULL,
    Demand,
    column_values,
    is_time,
    left_to_server,
    random_times,
    time_text,
    times_after,
    with_nulls,
)
from tenfold.bench.fill_schema import FillSchema
from tenfold.bench.fill_spec import ColumnHint, FillSpec
from tenfold.errors import ConfigError
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.snapshot import Snapshot

#: Rows of another table, by position; None where the tenant has none there.
Picks = Sequence[int | None]

_NO_HINT = ColumnHint()
_A_MONTH = (0.0, 30 * 86_400.0)


class TableRows(msgspec.Struct, frozen=True):
    """All rows of one table."""

    relation: Relation
    columns: tuple[str, ...]
    #: One row each, as COPY text without the line's end.
    lines: list[str]
    #: Each row's tenant, counted from 0.
    tenants: list[int]
    #: The highest value of each column that a sequence feeds, by column name.
    highest: dict[str, int]


def generate(
    snapshot: Snapshot, spec: FillSpec, *, tenants: int | None = None, scale: float = 1.0
) -> Iterator[TableRows]:
    """The tables of the specification with their rows, parents first.

    `tenants` replaces the specification's number; `scale` multiplies every table that is not `even`. New rows
    stand beside those that are there: sequences go on from their last value.
    Raises ConfigError where specification and schema do not fit.
    """
    count = spec.tenants if tenants is None else tenants
    if count < 1 or scale <= 0:
        raise ConfigError("a fill needs at least one tenant and a scale above zero")
    schema = FillSchema(snapshot, spec)
    finished: dict[int, _Finished] = {}
    for relation in schema.order:
        table = _Table(schema, relation, finished, count, scale)
        yield table.rows()
        wanted = schema.wanted[relation.oid] & table.values.keys()
        columns = {number: table.values[number] for number in wanted}
        finished[relation.oid] = _Finished(table.owners, columns, count)


def shares(tenants: int, skew: float, rng: Random) -> list[float]:
    """Each tenant's share of the rows, by Zipf's law; who is large is drawn by lot."""
    weights = [rank**-skew for rank in range(1, tenants + 1)]
    rng.shuffle(weights)
    total = sum(weights)
    return [weight / total for weight in weights]


def apportion(total: int, parts: Sequence[float]) -> list[int]:
    """The total in whole numbers by shares, by largest remainder, then at least one each."""
    counts = [int(total * part) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda part: counts[part] - total * parts[part])
    for part in by_remainder[: total - sum(counts)]:
        counts[part] += 1
    return [max(count, 1) for count in counts]


class _Finished:
    """What later tables need of a table that is made."""

    def __init__(self, owners: list[int], columns: dict[int, list[str]], tenants: int) -> None:
        self.owners = owners
        self.columns = columns
        self.rows_of: list[list[int]] = [[] for _ in range(tenants)]
        for row, owner in enumerate(owners):
            self.rows_of[owner].append(row)

    def pick(self, owners: Sequence[int], rng: Random) -> Picks:
        """For each owner one of its rows."""
        rows_of, draw = self.rows_of, rng.random
        return [rows[int(draw() * len(rows))] if (rows := rows_of[owner]) else None for owner in owners]

    def values(self, number: int, picks: Picks) -> list[str]:
        column = self.columns[number]
        return [NULL if row is None else column[row] for row in picks]


class _Table:
    """One table while it is made."""

    def __init__(
        self,
        schema: FillSchema,
        relation: Relation,
        finished: dict[int, _Finished],
        tenants: int,
        scale: float,
    ) -> None:
        self.schema, self.relation, self.finished = schema, relation, finished
        self.columns = schema.snapshot.columns_of(relation.oid)
        self.values: dict[int, list[str]] = {}
        self.highest: dict[str, int] = {}
        #: The table of `per`, and for each row here its row there.
        self.origin: int | None = None
        self.origin_rows: list[int] = []
        self.owners = self._owners(tenants, scale)

    def rows(self) -> TableRows:
        self._keys()
        self._references()
        self._sequences()
        self._times()
        self._others()
        self._drop_duplicates()
        written = [column for column in self.columns if column.number in self.values]
        lines = list(map("\t".join, zip(*(self.values[column.number] for column in written), strict=True)))
        names = tuple(column.name for column in written)
        return TableRows(self.relation, names, lines, self.owners, self.highest)

    def _rng(self, part: str) -> Random:
        return Random(f"{self.schema.spec.seed}/{self.schema.first_tenant}/{self.relation.name}/{part}")

    def _hint(self, column: Column) -> ColumnHint | None:
        return self.schema.spec.hint(self.relation.name, column.name)

    # --- whose rows ---

    def _owners(self, tenants: int, scale: float) -> list[int]:
        if self.relation.oid == self.schema.tenant_table.oid:
            return list(range(tenants))
        size, rng = self.schema.spec.tables[self.relation.name], self._rng("owners")
        if size.per is not None:
            self.origin = self.schema.relation(size.per).oid
            there = self.finished[self.origin].owners
            self.origin_rows = _spread(len(there), size.rows, size.each or 0.0, rng)
            return [there[row] for row in self.origin_rows]
        mean = size.per_tenant or 0.0
        if size.even:
            counts = [round(mean)] * tenants
        else:
            spec = self.schema.spec
            parts = shares(tenants, spec.skew, Random(f"{spec.seed}/{self.schema.first_tenant}/shares"))
            counts = apportion(round(mean * tenants * scale), parts)
        owners = [tenant for tenant, count in enumerate(counts) for _ in range(count)]
        rng.shuffle(owners)  # tenants come in mixed, as they do on the day
        return owners

    def _keep(self, rows: list[int]) -> None:
        """Drops all other rows."""
        self.owners = [self.owners[row] for row in rows]
        self.origin_rows = [self.origin_rows[row] for row in rows] if self.origin_rows else []
        self.values = {number: [values[row] for row in rows] for number, values in self.values.items()}

    # --- keys ---

    def _keys(self) -> None:
        for key in self.schema.foreign_keys(self.relation.oid):
            if all(number in self.values for number in key.columns):
                continue
            target = self.finished.get(key.foreign_relation or 0)
            if target is None:
                self._without_parent(key)
            elif inherited := self._inherited(key):
                self.values[key.columns[0]] = self._nulled(key.columns[0], inherited)
            else:
                self._refer(key.columns, key.foreign_relation or 0, key.foreign_columns or ())
        tenant = self.schema.snapshot.column(self.relation.oid, self.schema.spec.tenant_column)
        if tenant is not None and tenant.number not in self.values:
            self._refer((tenant.number,), self.schema.tenant_table.oid, (self.schema.tenant_key,))

    def _references(self) -> None:
        for number, target in self.schema.references(self.relation).items():
            if number not in self.values and target.relation in self.finished:
                self._refer((number,), target.relation, (target.number,))

    def _refer(self, columns: tuple[int, ...], oid: int, foreign_columns: tuple[int, ...]) -> None:
        """Gives the columns the values of one row of the same tenant in another table."""
        target, open_columns = self.finished[oid], [c for c in columns if c not in self.values]
        required = any(self._column(number).not_null for number in open_columns)
        if required and not all(target.rows_of[owner] for owner in set(self.owners)):
            self._keep([row for row, owner in enumerate(self.owners) if target.rows_of[owner]])
        picks = self._picks(oid, columns)
        for here, there in zip(columns, foreign_columns, strict=True):
            if here not in self.values:
                self.values[here] = self._nulled(here, target.values(there, picks))

    def _picks(self, oid: int, columns: tuple[int, ...]) -> Picks:
        if oid == self.schema.tenant_table.oid:
            return self.owners
        if oid == self.origin:
            return self.origin_rows
        return self.finished[oid].pick(self.owners, self._rng(f"key {columns}"))

    def _inherited(self, key: Constraint) -> list[str]:
        """The key that the row's origin has to the same table; empty where it has none that would do."""
        if self.origin is None or len(key.columns) != 1:
            return []
        required = self._column(key.columns[0]).not_null
        target = (key.foreign_relation, key.foreign_columns)
        for theirs in self.schema.foreign_keys(self.origin):
            if (
                theirs.foreign_relation,
                theirs.foreign_columns,
            ) == target and theirs.foreign_relation not in (
                self.origin,
                self.schema.tenant_table.oid,
            ):
                values = self.finished[self.origin].values(theirs.columns[0], self.origin_rows)
                return [] if required and NULL in values else values
        return []

    def _without_parent(self, key: Constraint) -> None:
        for number in key.columns:
            column = self._column(number)
            if number not in self.values and column.not_null:
                raise ConfigError(f"{self._named(column)} needs a row of a table that the fill does not make")
            self.values.setdefault(number, [NULL] * len(self.owners))

    def _sequences(self) -> None:
        for column in self.columns:
            sequence = self.schema.sequence(column)
            if sequence is not None and column.number not in self.values:
                first = (sequence.last_value or 0) + 1
                end = first + len(self.owners)
                self.values[column.number] = list(map(str, range(first, end)))
                self.highest[column.name] = end - 1

    # --- everything else ---

    def _times(self) -> None:
        """Times: arrival in order, then those that follow another time of the row."""
        seconds: dict[str, list[int]] = {}
        times = [column for column in self._open_columns() if is_time(column) and not self._listed(column)]
        names = {column.name for column in times}
        for column in sorted(times, key=lambda column: self._follows(column, names) is not None):
            hint, rng = self._hint(column) or _NO_HINT, self._rng(column.name)
            window = hint.window or self.schema.spec.window
            if (base := self._follows(column, names)) is not None:
                if base not in seconds:
                    raise ConfigError(
                        f"the fill puts {self._named(column)} after {base}, itself after another"
                    )
                made = times_after(seconds[base], hint.range or _A_MONTH, rng)
            else:
                made = random_times(window, rng, len(self.owners))
                if "now()" in (column.default or "") or "CURRENT_" in (column.default or ""):
                    made.sort()  # rows come in as time goes on
            seconds[column.name] = made
            self.values[column.number] = self._nulled(column.number, time_text(made))

    def _follows(self, column: Column, times: set[str]) -> str | None:
        hint = self._hint(column)
        return hint.after if hint and hint.after in times else None

    def _others(self) -> None:
        alone = {numbers[0] for numbers in self.schema.uniques(self.relation.oid) if len(numbers) == 1}
        window = self.schema.spec.window
        for column in self._open_columns():
            hint = self._hint(column) or _NO_HINT
            demand = Demand(hint, self.schema.allowed(column), column.number in alone, window)
            values = column_values(column, demand, self._rng(column.name), self.owners)
            self.values[column.number] = self._nulled(column.number, values)

    def _open_columns(self) -> list[Column]:
        """Columns that have no values yet and that the server does not fill."""
        return [
            column
            for column in self.columns
            if column.number not in self.values and not left_to_server(column, self._hint(column))
        ]

    def _listed(self, column: Column) -> bool:
        hint = self._hint(column) or _NO_HINT
        return hint.choices is not None or hint.cycle is not None

    def _nulled(self, number: int, values: list[str]) -> list[str]:
        column = self._column(number)
        share = (self._hint(column) or _NO_HINT).nulls
        return with_nulls(values, share, self._rng(f"{column.name} nulls"))

    def _drop_duplicates(self) -> None:
        """Leaves out rows whose unique columns another row has already; a null is like no other."""
        for numbers in self.schema.uniques(self.relation.oid):
            if not all(number in self.values for number in numbers):
                continue
            keys = list(zip(*(self.values[number] for number in numbers), strict=True))
            if len(set(keys)) < len(keys):
                first = {key: row for row, key in reversed(list(enumerate(keys)))}
                self._keep([row for row, key in enumerate(keys) if NULL in key or first[key] == row])

    def _named(self, column: Column) -> str:
        return f"{self.relation.name}.{column.name}"

    def _column(self, number: int) -> Column:
        return self.schema.snapshot.column_by_number[self.relation.oid, number]


def _spread(parents: int, rows: float | None, each: float, rng: Random) -> list[int]:
    """Parents of the rows to be made: drawn by lot, or so many for each."""
    if rows is not None:
        return rng.choices(range(parents), k=round(rows * parents)) if parents else []
    picked = list(range(parents)) * int(each) + rng.sample(range(parents), round(each % 1 * parents))
    rng.shuffle(picked)
    return picked
