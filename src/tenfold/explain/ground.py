"""What a plan is judged against: the database at the plan's size, and who asks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from tenfold.model.query_plan import PlanNode
from tenfold.model.relations import Column, Index, Relation
from tenfold.model.roles import Operator
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject
from tenfold.twin.planner_settings import session_settings

#: Rows from which reading them all is many.
MANY_ROWS = 10_000

_MEMORY = re.compile(r"\s*(\d+)\s*(B|kB|MB|GB|TB)?\s*\Z")
_BYTES = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
# The server's defaults: guc_tables.c. hash_mem_multiplier was 1.0 before 15.
_WORK_MEM = "4096"
# Nodes that return nothing before they have read everything.
_WANTS_ALL = frozenset({"Sort", "Aggregate", "Hash", "WindowAgg", "SetOp", "Materialize", "Bitmap Heap Scan"})
# What a column's operators are declared for where they are not declared for its own type.
_TEXT = re.compile(r"(character varying|character|varchar)(\(\d+\))?\Z")


class Place(NamedTuple):
    """A node of a plan with the way to it and the nodes above it, the nearest first."""

    node: PlanNode
    path: tuple[int, ...]
    above: tuple[PlanNode, ...]

    @property
    def processes(self) -> float:
        """Workers that share its rows, the leader counted as get_parallel_divisor() of costsize.c does."""
        gather = next((node for node in self.above if node.type in ("Gather", "Gather Merge")), None)
        if gather is None:
            return 1.0
        workers = gather.workers_planned or 0
        return workers + max(0.0, 1.0 - 0.3 * workers)

    @property
    def loops(self) -> float:
        """How often it runs, as far as it was counted."""
        return 1.0 if self.node.loops is None else self.node.loops

    @property
    def analyzed(self) -> bool:
        return self.node.actual_rows is not None

    @property
    def rows(self) -> float:
        """Rows that it returns in all: counted, or as estimated for one run."""
        if self.node.actual_rows is not None:
            return self.node.actual_rows * self.loops
        return self.node.rows * self.processes

    @property
    def may_stop(self) -> bool:
        """Whether a LIMIT above may end it early: nothing in between wants all rows first."""
        decisive = (node.type for node in self.above if node.type == "Limit" or node.type in _WANTS_ALL)
        return next(decisive, None) == "Limit"


def places(node: PlanNode, path: tuple[int, ...] = (), above: tuple[PlanNode, ...] = ()) -> Iterator[Place]:
    """All nodes, parents first."""
    yield Place(node, path, above)
    for number, child in enumerate(node.children):
        yield from places(child, (*path, number), (node, *above))


class Ground(msgspec.Struct, frozen=True, dict=True):
    """The database at one size, as one role sees it; None is a role that no policy binds."""

    snapshot: Snapshot
    tenancy: Tenancy
    role: str | None = None

    # --- what a node reads ---

    def relation(self, node: PlanNode) -> Relation | None:
        """The relation of a scan; None where the name is in several schemas."""
        found = self.snapshot.relations_named.get(node.relation or "", ())
        if node.schema is not None:
            found = tuple(relation for relation in found if relation.schema == node.schema)
        return found[0] if len(found) == 1 else None

    def whole(self, relation: Relation) -> Relation:
        """The partitioned table that a partition belongs to in the end; any other relation is its own."""
        *_, last = self._up(relation)
        return last if relation.is_partition else relation

    def indexes(self, relation: Relation) -> tuple[Index, ...]:
        """Those that a query can use."""
        return tuple(index for index in self.snapshot.indexes_of(relation.oid) if index.valid and index.ready)

    def key_names(self, index: Index) -> tuple[str, ...]:
        """Names of the key columns, up to the first expression."""
        names: list[str] = []
        for number in index.key_columns:
            if number == 0:
                break
            names.append(self.snapshot.column_by_number[index.relation, number].name)
        return tuple(names)

    # --- row-level security ---

    def binds(self, relation: Relation) -> bool:
        """Whether policies bind the role on this relation, or on a table above it that was named instead."""
        role = self.snapshot.role_by_name.get(self.role or "")
        if role is None or role.superuser or role.bypass_rls:
            return False
        return any(
            table.rls_enabled and (table.rls_forced or not self._privileges.owns(role, table))
            for table in self._up(relation)
        )

    def operator(self, column: Column, name: str) -> Operator | None:
        """The operator of that name between two values of the column's type, where the snapshot has it."""
        wanted = self._operand(column)
        return self._operators.get((name, wanted))

    @cached_property
    def operator_by_oid(self) -> dict[int, Operator]:
        return {operator.oid: operator for operator in self.snapshot.operators}

    # --- memory ---

    @cached_property
    def work_mem(self) -> int:
        """Bytes that a sort may take."""
        found = _MEMORY.match(self._settings.get("work_mem", _WORK_MEM))
        return int(found[1]) * _BYTES[found[2] or "kB"] if found else int(_WORK_MEM) * 1024

    @cached_property
    def hash_memory(self) -> int:
        """Bytes that a hash table may take."""
        usual = "2" if self.snapshot.server.major >= 15 else "1"
        return int(self.work_mem * float(self._settings.get("hash_mem_multiplier", usual)))

    # --- ---

    def _up(self, relation: Relation) -> Iterator[Relation]:
        yield relation
        for parent in self.snapshot.parents_of(relation.oid):
            yield from self._up(self.snapshot.relation_by_oid[parent])

    def _operand(self, column: Column) -> str:
        if column.type_kind == "e":
            return "anyenum"
        if column.type_category == "A":
            return "anyarray"
        return "text" if _TEXT.match(column.type) else re.sub(r"\(.*?\)", "", column.type)

    @cached_property
    def _operators(self) -> dict[tuple[str, str | None], Operator]:
        return {
            (operator.name, operator.left): operator
            for operator in self.snapshot.operators
            if operator.left == operator.right
        }

    @cached_property
    def _settings(self) -> dict[str, str]:
        return session_settings(self.snapshot, self.role)

    @cached_property
    def _privileges(self) -> Privileges:
        return Privileges(Subject(snapshot=self.snapshot, tenancy=self.tenancy))
