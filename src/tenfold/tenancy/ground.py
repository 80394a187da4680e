"""The tables that are judged and the foreign keys between them: what evidence of tenancy is read from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from tenfold.model.relations import Constraint, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.tenancy.names import is_framework


class Ground(msgspec.Struct, frozen=True, dict=True):
    snapshot: Snapshot
    #: Tables of the user's, partitions left out: they are judged as their root.
    tables: tuple[Relation, ...]

    @classmethod
    def of(cls, snapshot: Snapshot, exclude_schemas: Collection[str]) -> Ground:
        return cls(
            snapshot,
            tuple(
                relation
                for relation in snapshot.relations
                if relation.is_table
                and not relation.is_partition
                and relation.extension is None
                and relation.schema not in exclude_schemas
            ),
        )

    @cached_property
    def by_oid(self) -> Mapping[int, Relation]:
        return {table.oid: table for table in self.tables}

    @cached_property
    def by_name(self) -> Mapping[str, Sequence[Relation]]:
        """Tables by their name in lower case: one for each schema that has it."""
        named: defaultdict[str, list[Relation]] = defaultdict(list)
        for table in self.tables:
            named[table.name.lower()].append(table)
        return named

    @cached_property
    def telling(self) -> frozenset[int]:
        """Oids of the tables that the product made itself."""
        return frozenset(table.oid for table in self.tables if not is_framework(table.name))

    @cached_property
    def foreign_keys(self) -> Sequence[Constraint]:
        """Those between judged tables; not the copies that partitions have."""
        return [
            constraint
            for constraint in self.snapshot.constraints
            if constraint.kind == "f"
            and constraint.parent is None
            and constraint.relation in self.by_oid
            and constraint.foreign_relation in self.by_oid
        ]

    @cached_property
    def lone_keys(self) -> Mapping[tuple[int, int], tuple[int, int]]:
        """Where each column leads that is a foreign key by itself: (relation, number) of both ends.

        The tenant's part of a composite key leads to the column there, not to its key, so it says nothing.
        """
        return {
            (key.relation, key.columns[0]): (key.foreign_relation or 0, key.foreign_columns[0])
            for key in self.foreign_keys
            if len(key.columns) == 1 and key.foreign_columns
        }

    @cached_property
    def ways(self) -> Mapping[int, Sequence[Constraint]]:
        """Foreign keys by the table that they lead to, those to the table itself left out."""
        ways: defaultdict[int, list[Constraint]] = defaultdict(list)
        for key in self.foreign_keys:
            if key.foreign_relation != key.relation:
                ways[key.foreign_relation or 0].append(key)
        return ways

    def is_sure(self, key: Constraint) -> bool:
        """Whether every row has a parent: the columns are NOT NULL, or the parent takes the row with it."""
        return key.on_delete == "c" or all(
            self.snapshot.column_by_number[key.relation, number].not_null for number in key.columns
        )

    def descend(self, start: Iterable[int], seen: set[int]) -> dict[int, Constraint]:
        """Tables from which sure foreign keys lead to one of `start`, nearest first, each with its first key.

        Tables in `seen` are neither found nor gone through; what is found is added to it.
        """
        found: dict[int, Constraint] = {}
        frontier = list(start)
        while frontier:
            below = []
            for parent in frontier:
                for key in self.ways.get(parent, ()):
                    if key.relation not in seen and self.is_sure(key):
                        seen.add(key.relation)
                        found[key.relation] = key
                        below.append(key.relation)
            frontier = below
        return found
