"""A fill specification resolved against a schema: which tables, in which order, and what ties their rows.

Everything that does not fit is refused here, before a row is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from tenfold.bench.columns import is_time
from tenfold.bench.fill_spec import FillSpec
from tenfold.errors import ConfigError
from tenfold.model.allowed_values import allowed_values
from tenfold.model.relations import Column, Constraint, Relation, Sequence
from tenfold.model.snapshot import Snapshot


class FillSchema:
    """Lookups for the tables of a specification. Raises ConfigError where the two do not fit."""

    def __init__(self, snapshot: Snapshot, spec: FillSpec) -> None:
        self.snapshot = snapshot
        self.spec = spec
        self.tenant_table = self.relation(spec.tenant_table)
        self.tenant_key = self._tenant_key()
        self.relations = {name: self.relation(name) for name in spec.tables}
        self.filled = {relation.oid for relation in self.relations.values()} | {self.tenant_table.oid}
        for name, relation in self.relations.items():
            self._check_hints(name, relation)

    # --- by name ---

    def relation(self, name: str) -> Relation:
        found = [relation for relation in self.snapshot.relations_named.get(name, ()) if relation.is_table]
        if len(found) != 1:
            raise ConfigError(f"the fill names table {name}; the database has {len(found)} of that name")
        return found[0]

    def _referred(self, reference: str) -> Column:
        table, _, name = reference.partition(".")
        column = self.snapshot.column(self.relation(table).oid, name)
        if column is None:
            raise ConfigError(f"the fill refers to {reference}, which the database does not have")
        return column

    def _tenant_key(self) -> int:
        for constraint in self.snapshot.constraints_of(self.tenant_table.oid):
            if constraint.kind == "p" and len(constraint.columns) == 1:
                return constraint.columns[0]
        raise ConfigError(f"table {self.tenant_table.name} needs a primary key of one column to be filled")

    def _check_hints(self, name: str, relation: Relation) -> None:
        for column_name, hint in self.spec.tables[name].columns.items():
            if self.snapshot.column(relation.oid, column_name) is None:
                raise ConfigError(
                    f"the fill has a hint for {name}.{column_name}, which the database does not have"
                )
            base = hint.after and self.snapshot.column(relation.oid, hint.after)
            if hint.after and (not base or not is_time(base)):
                raise ConfigError(
                    f"the fill puts {name}.{column_name} after {hint.after}, which is no time there"
                )

    # --- what ties tables ---

    def foreign_keys(self, oid: int) -> list[Constraint]:
        """Foreign keys, each with its target resolved, those to the tenant table first."""
        keys = [key for key in self.snapshot.constraints_of(oid) if key.kind == "f" and key.foreign_columns]
        return sorted(keys, key=lambda key: key.foreign_relation != self.tenant_table.oid)

    def references(self, relation: Relation) -> dict[int, Column]:
        """By column number, the column elsewhere that a hint alone refers to."""
        found = {}
        for column in self.snapshot.columns_of(relation.oid):
            hint = self.spec.hint(relation.name, column.name)
            if hint and hint.refers_to:
                target = self._referred(hint.refers_to)
                if target.relation != relation.oid:
                    found[column.number] = target
        return found

    @cached_property
    def order(self) -> list[Relation]:
        """The tables to fill, each after those that it refers to."""
        graph: dict[int, set[int]] = {self.tenant_table.oid: set()}
        for name, relation in self.relations.items():
            before = {key.foreign_relation or 0 for key in self.foreign_keys(relation.oid)}
            before |= {target.relation for target in self.references(relation).values()}
            before.add(self.tenant_table.oid)
            if per := self.spec.tables[name].per:
                before.add(self._filled_parent(name, per))
            graph[relation.oid] = (before & self.filled) - {relation.oid}
        try:
            return [self.snapshot.relation_by_oid[oid] for oid in TopologicalSorter(graph).static_order()]
        except CycleError as error:
            names = ", ".join(self.snapshot.relation_by_oid[oid].name for oid in error.args[1])
            raise ConfigError(f"the fill cannot order tables that refer to each other: {names}") from error

    def _filled_parent(self, name: str, per: str) -> int:
        oid = self.relation(per).oid
        if oid not in self.filled:
            raise ConfigError(f"the fill gives {name} rows per {per}, and {per} none")
        return oid

    @cached_property
    def wanted(self) -> Mapping[int, set[int]]:
        """By table, the columns whose values other tables take."""
        wanted: dict[int, set[int]] = {oid: set() for oid in self.filled}
        wanted[self.tenant_table.oid].add(self.tenant_key)
        for relation in self.order:
            for key in self.foreign_keys(relation.oid):
                wanted[relation.oid].update(key.columns)
                wanted.get(key.foreign_relation or 0, set()).update(key.foreign_columns or ())
            for target in self.references(relation).values():
                wanted.get(target.relation, set()).add(target.number)
        return wanted

    # --- what a column must be ---

    def uniques(self, oid: int) -> list[tuple[int, ...]]:
        """Column numbers of each unique index that holds for all rows."""
        return [
            index.key_columns
            for index in self.snapshot.indexes_of(oid)
            if index.unique and index.predicate is None and 0 not in index.key_columns
        ]

    def allowed(self, column: Column) -> tuple[str, ...]:
        """Labels of the column's enum, or the values that a CHECK lists; empty where anything goes."""
        return allowed_values(self.snapshot, column)

    @cached_property
    def _sequences(self) -> Mapping[tuple[int | None, int | None], Sequence]:
        return {(sequence.relation, sequence.column): sequence for sequence in self.snapshot.sequences}

    def sequence(self, column: Column) -> Sequence | None:
        """The sequence that an identity or serial column owns."""
        return self._sequences.get((column.relation, column.number))

    @cached_property
    def first_tenant(self) -> int:
        """The key of the first tenant to be made, where keys come from a sequence."""
        column = self.snapshot.column_by_number[self.tenant_table.oid, self.tenant_key]
        sequence = self.sequence(column)
        return (sequence.last_value or 0) + 1 if sequence else 1
