"""A plan in the making: the changes so far, the names they have taken, and what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec

from tenfold.errors import UsageError
from tenfold.migrate.mark import marked
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Backfill, Change, Estimate, Lock, Obstacle, Phase, Skipped
from tenfold.model.ddl import fit, identifier
from tenfold.model.finding import Finding
from tenfold.model.relations import Column, Relation
from tenfold.model.remedy import AddTenantColumn, Table
from tenfold.model.roles import Function
from tenfold.model.snapshot import Snapshot
from tenfold.pg.capabilities import Capabilities
from tenfold.rules.subject import Subject

Kind: TypeAlias = Literal["statement", "build", "scan", "backfill"]


class AddedColumn(msgspec.Struct, frozen=True):
    """A tenant column that the plan itself adds."""

    table: Table
    name: str
    type: str
    #: Id of the change that fills it, which requires the one that adds it.
    filled_by: str


class Draft:
    """Not a value: the families of changes add to it, and `plan` takes it apart."""

    def __init__(self, subject: Subject, findings: Iterable[Finding] = ()) -> None:
        self.subject = subject
        self.findings = tuple(findings)
        self.changes: dict[str, Change] = {}
        self.skipped: list[Skipped] = []
        #: By table: each gets one.
        self.added_columns: dict[Table, AddedColumn] = {}
        #: By table and name, the change that validates a check which stands for NOT NULL until that is set.
        self.own_checks: dict[tuple[Table, str], str] = {}
        self._taken: dict[str, set[str]] = {}
        self._taken_constraints: dict[int, set[str]] = {}

    @property
    def snapshot(self) -> Snapshot:
        return self.subject.snapshot

    @cached_property
    def capabilities(self) -> Capabilities:
        return Capabilities(self.snapshot.server.version_number)

    # --- what it makes ---

    def change(
        self,
        wish: Wish[Any],
        verb: str,
        relation: Relation,
        name: str | None,
        kind: Kind,
        phase: Phase,
        *,
        title: str,
        done: str,
        lock: Lock,
        sql: tuple[str, ...] = (),
        undo: tuple[str, ...] = (),
        transactional: bool = True,
        index: tuple[str, str] | None = None,
        backfill: Backfill | None = None,
        estimate: Estimate = Estimate(),  # noqa: B008 - frozen
        requires: Iterable[str] = (),
        obstacle: Obstacle | None = None,
        retracts: str | None = None,
        note: str | None = None,
    ) -> str:
        """Adds a change of a relation; returns its id, `verb:schema.relation:name`."""
        parts = (verb, relation.qualified, None if name is None else identifier(name))
        return self.add(
            Change(
                id=":".join(part for part in parts if part is not None),
                kind=kind,
                phase=phase,
                priority=wish.priority,
                object=relation.display,
                title=title,
                done=done,
                lock=lock,
                sql=sql,
                undo=undo,
                transactional=transactional,
                index=index,
                backfill=backfill,
                estimate=estimate,
                requires=tuple(sorted(set(requires))),
                obstacle=obstacle,
                retracts=retracts,
                findings=wish.findings,
                note=note,
            )
        )

    def add(self, change: Change) -> str:
        """Adds a change, or lets one that is there already settle these findings too; returns its id."""
        known = self.changes.get(change.id)
        if known is not None:
            if known.sql != change.sql:
                raise ValueError(f"two changes would be called {change.id}")
            change = msgspec.structs.replace(
                known,
                priority=min(known.priority, change.priority),
                findings=tuple(sorted({*known.findings, *change.findings})),
                requires=tuple(sorted({*known.requires, *change.requires})),
            )
        self.changes[change.id] = change
        return change.id

    def settle(self, change_id: str, wish: Wish[Any]) -> None:
        """Lets a change that is there settle these findings too."""
        change = self.changes[change_id]
        self.changes[change_id] = msgspec.structs.replace(
            change,
            priority=min(change.priority, wish.priority),
            findings=tuple(sorted({*change.findings, *wish.findings})),
        )

    def skip(self, wish: Wish[Any], what: str, why: str) -> None:
        self.skipped.append(Skipped(wish.findings, what, why))

    def planned(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the ids that the plan has."""
        return tuple(sorted({change for change in ids if change in self.changes}))

    # --- what it finds ---

    def relation(self, table: Table) -> Relation:
        """The relation of that name; raises UsageError where the snapshot has none."""
        found = self.snapshot.relation_by_name.get((table.schema, table.name))
        if found is None:
            raise self.missing(table.sql)
        return found

    def column(self, table: Table, name: str) -> Column | AddedColumn:
        """The column, there or to be added; raises UsageError where there is none."""
        relation = self.relation(table)
        found = self.snapshot.column(relation.oid, name) or self._added(table, name)
        if found is None:
            raise self.missing(f"{table.sql}.{identifier(name)}")
        return found

    def has_column(self, table: Table, name: str) -> bool:
        """Whether the column is there, or to be added; raises UsageError where there is no such table."""
        found = self.snapshot.column(self.relation(table).oid, name) or self._added(table, name)
        return found is not None

    def _added(self, table: Table, name: str) -> AddedColumn | None:
        found = self.added_columns.get(table)
        return found if found is not None and found.name == name else None

    def findings_about(self, relation: Relation) -> tuple[Finding, ...]:
        return tuple(self._findings_by_relation.get(relation.oid, ()))

    @cached_property
    def _findings_by_relation(self) -> Mapping[int | None, list[Finding]]:
        found: dict[int | None, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.relation, []).append(finding)
        return found

    def functions_named(self, schema: str, name: str) -> tuple[Function, ...]:
        return tuple(self._functions_by_name.get((schema, name), ()))

    @cached_property
    def _functions_by_name(self) -> Mapping[tuple[str, str], list[Function]]:
        found: dict[tuple[str, str], list[Function]] = {}
        for function in self.snapshot.functions:
            found.setdefault((function.schema, function.name), []).append(function)
        return found

    @cached_property
    def filled(self) -> tuple[AddTenantColumn, ...]:
        """The tenant columns that plans before this one have added, with what fills them."""
        return tuple(marked(self.snapshot))

    @cached_property
    def referenced(self) -> frozenset[int]:
        """Oids of the indexes that foreign keys refer to."""
        keys = (constraint for constraint in self.snapshot.constraints if constraint.kind == "f")
        return frozenset(key.index for key in keys if key.index is not None)

    def missing(self, what: str) -> UsageError:
        return UsageError(
            f"a finding is about {what}, which the snapshot does not have; "
            "plan from the snapshot that was audited"
        )

    def fillers(self, table: Table, columns: Iterable[str]) -> tuple[str, ...]:
        """Ids of the changes that fill those of the columns that the plan adds."""
        added = (self._added(table, column) for column in columns)
        return tuple(sorted(column.filled_by for column in added if column is not None))

    # --- what it names ---

    def claim(self, schema: str, wanted: str) -> str:
        """A name for a new relation or index: the wanted one, cut to fit, numbered where it is taken."""
        taken = self._taken_names(schema)
        name = fit(wanted, taken)
        taken.add(name)
        return name

    def claim_constraint(self, relation: Relation, wanted: str) -> str:
        """A name for a new constraint of the relation."""
        taken = self._taken_constraints.setdefault(
            relation.oid, {constraint.name for constraint in self.snapshot.constraints_of(relation.oid)}
        )
        name = fit(wanted, taken)
        taken.add(name)
        return name

    def _taken_names(self, schema: str) -> set[str]:
        if schema not in self._taken:
            self._taken[schema] = set(self._names_by_schema.get(schema, ()))
        return self._taken[schema]

    @cached_property
    def _names_by_schema(self) -> Mapping[str, list[str]]:
        """What shares the namespace of pg_class: relations, indexes, sequences and composite types."""
        names: dict[str, list[str]] = {}
        snapshot = self.snapshot
        taken = [(each.schema, each.name) for each in snapshot.relations]
        taken += [(each.schema, each.name) for each in snapshot.sequences]
        taken += [(each.schema, each.name) for each in snapshot.types]
        schemas = {each.oid: each.schema for each in snapshot.relations}
        taken += [
            (schemas[each.relation], each.name) for each in snapshot.indexes if each.relation in schemas
        ]
        for schema, name in taken:
            names.setdefault(schema, []).append(name)
        return names
