"""Changes that make promises about rows: foreign keys, and the validation of constraints.

None of them scans a table under a lock that blocks writes: a constraint is declared NOT VALID, which binds
new rows at once, and validated under SHARE UPDATE EXCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.estimate import BRIEF, scan_estimate
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Lock, Phase
from tenfold.model.ddl import fit, identifier
from tenfold.model.relations import Constraint, Relation
from tenfold.model.remedy import (
    AddForeignKey,
    CreateIndex,
    DropConstraint,
    Table,
    ValidateConstraint,
)
from tenfold.model.remedy_sql import statements
from tenfold.rules.foreign_keys import is_key
from tenfold.rules.subject import table_of

#: What a foreign key refers to: a table, and columns that a unique index is over.
Target: TypeAlias = tuple[Table, frozenset[str]]

_NOT_VALID = " NOT VALID"

# --- foreign keys ------------------------------------------------------------------------------------


def target_index(draft: Draft, wish: Wish[AddForeignKey]) -> Wish[CreateIndex] | None:
    """The unique index that the key's target lacks; None where there is one."""
    remedy = wish.remedy
    parent = draft.relation(remedy.parent)
    columns = [draft.snapshot.column(parent.oid, name) for name in remedy.parent_columns]
    numbers = frozenset(column.number for column in columns if column is not None)
    if None not in columns and is_key(draft.snapshot, parent.oid, numbers):
        return None
    return wish.of(draft.subject.create_index(parent, *remedy.parent_columns, unique=True))


def add_foreign_key(draft: Draft, wish: Wish[AddForeignKey], targets: Mapping[Target, str]) -> str | None:
    """Declares the key NOT VALID and validates it; returns the change after which it holds, if it can.

    `targets` are the changes that make unique indexes.

    On a partitioned table, which refuses NOT VALID before PostgreSQL 18, each partition gets the key so, and
    the table itself then adopts them without a scan.
    """
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    for column in remedy.columns:
        draft.column(remedy.table, column)
    target = targets.get((remedy.parent, frozenset(remedy.parent_columns)))
    waits = [] if target is None else [target]
    if not waits and target_index(draft, wish) is not None:
        what = f"foreign key of {relation.display} to {draft.relation(remedy.parent).display}"
        draft.skip(wish, what, "the unique index that it refers to cannot be built")
        return None
    waits += draft.fillers(remedy.table, remedy.columns)
    waits += draft.fillers(remedy.parent, remedy.parent_columns)
    remedy = msgspec.structs.replace(remedy, name=_key_name(draft, relation, remedy), partitions=())
    if relation.kind != "p":
        return _declare_and_validate(draft, wish.of(remedy), relation, waits)
    parts = [
        _declare_and_validate(
            draft, wish.of(msgspec.structs.replace(remedy, table=table_of(leaf))), leaf, waits
        )
        for leaf in draft.subject.storage_of(relation)
        if leaf.kind == "r"
    ]
    return _adopt(draft, wish.of(remedy), relation, [*waits, *parts])


def _key_name(draft: Draft, relation: Relation, remedy: AddForeignKey) -> str:
    """The wished one, also where a run that was broken off has declared it already."""
    for constraint in draft.snapshot.constraints_of(relation.oid):
        columns = draft.snapshot.column_names(relation.oid, constraint.columns)
        if (constraint.kind, constraint.name, columns) == ("f", fit(remedy.name), remedy.columns):
            return constraint.name
    return draft.claim_constraint(relation, remedy.name)


def _declare_and_validate(
    draft: Draft, wish: Wish[AddForeignKey], relation: Relation, waits: list[str]
) -> str:
    remedy = wish.remedy
    declare, _ = statements(remedy)
    parent = draft.relation(remedy.parent).display
    declared = _add(
        draft,
        wish,
        relation,
        waits,
        declare,
        title=f"Declare foreign key {identifier(remedy.name)} of {relation.display} to {parent}",
        done=probes.constraint_exists(remedy.table, remedy.name),
        note=f"locks {parent} too; from then on new rows are checked",
    )
    return _validate(draft, wish, relation, remedy.name, [declared])


def _adopt(draft: Draft, wish: Wish[AddForeignKey], relation: Relation, waits: list[str]) -> str:
    """Its undo takes the partitions' keys along."""
    remedy = wish.remedy
    declare, _ = statements(remedy)
    parent = draft.relation(remedy.parent).display
    return _add(
        draft,
        wish,
        relation,
        waits,
        declare.removesuffix(_NOT_VALID),
        title=f"Join the partitions' foreign keys to {parent} into one of {relation.display}",
        done=probes.constraint_validated(remedy.table, remedy.name),
    )


def _add(
    draft: Draft,
    wish: Wish[AddForeignKey],
    relation: Relation,
    waits: list[str],
    sql: str,
    *,
    title: str,
    done: str,
    note: str | None = None,
) -> str:
    table, name = wish.remedy.table, wish.remedy.name
    return draft.change(
        wish,
        "add-foreign-key",
        relation,
        name,
        "statement",
        Phase.KEYS,
        title=title,
        done=probes.asks(done),
        lock=Lock.SHARE_ROW_EXCLUSIVE,
        sql=(sql,),
        undo=(f"ALTER TABLE {table.sql} DROP CONSTRAINT IF EXISTS {identifier(name)}",),
        estimate=BRIEF,
        requires=waits,
        note=note,
    )


# --- constraints that exist --------------------------------------------------------------------------


def validate_constraint(draft: Draft, wish: Wish[ValidateConstraint]) -> None:
    """Nothing of its own for a check on the way to NOT NULL, which is validated there and then dropped."""
    ours = draft.own_checks.get((wish.remedy.table, wish.remedy.name))
    if ours is not None and ours in draft.changes:
        draft.settle(ours, wish)
        return
    _validate(draft, wish, draft.relation(wish.remedy.table), wish.remedy.name, [])


def _validate(
    draft: Draft,
    wish: Wish[ValidateConstraint] | Wish[AddForeignKey],
    relation: Relation,
    name: str,
    waits: list[str],
) -> str:
    table = table_of(relation)
    return draft.change(
        wish,
        "validate",
        relation,
        name,
        "scan",
        Phase.KEYS,
        title=f"Check all rows of {relation.display} against {identifier(name)}",
        done=probes.asks(probes.constraint_validated(table, name)),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        sql=statements(ValidateConstraint(table=table, name=name)),
        estimate=scan_estimate(draft.subject, relation),
        requires=waits,
        note="it stays not valid, and binds new rows only, where a row breaks it" + _culprits(wish.remedy),
    )


def _culprits(remedy: ValidateConstraint | AddForeignKey) -> str:
    """How to find the rows that break a foreign key that we declare."""
    if isinstance(remedy, ValidateConstraint):
        return ""
    pairs = [(identifier(here), identifier(there)) for here, there in _paired(remedy)]
    present = " AND ".join(f"child.{here} IS NOT NULL" for here, _ in pairs)
    same = " AND ".join(f"parent.{there} = child.{here}" for here, there in pairs)
    return (
        f"; such rows: SELECT * FROM {remedy.table.sql} AS child WHERE {present} "
        f"AND NOT EXISTS (SELECT FROM {remedy.parent.sql} AS parent WHERE {same})"
    )


def _paired(remedy: AddForeignKey) -> Iterable[tuple[str, str]]:
    return zip(remedy.columns, remedy.parent_columns, strict=True)


def drop_constraint(draft: Draft, wish: Wish[DropConstraint], waits: Iterable[str]) -> None:
    """Drops a constraint once what takes its place is there."""
    remedy = wish.remedy
    relation = draft.relation(remedy.table)
    constraint = _constraint(draft, relation, remedy.name)
    if constraint.kind not in ("f", "c"):
        why = "bringing it back would build its index under a lock; drop it in a maintenance window"
        draft.skip(wish, f"drop of {identifier(remedy.name)} on {relation.display}", why)
        return
    draft.change(
        wish,
        "drop-constraint",
        relation,
        remedy.name,
        "statement",
        Phase.KEYS,
        title=f"Drop constraint {identifier(remedy.name)} on {relation.display}",
        done=probes.asks(probes.negated(probes.constraint_exists(remedy.table, remedy.name))),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=statements(remedy),
        undo=_restoration(remedy, constraint),
        # Its undo declares and validates, which must not be one transaction.
        transactional=False,
        estimate=BRIEF,
        requires=waits,
    )


def _restoration(remedy: DropConstraint, constraint: Constraint) -> tuple[str, ...]:
    """The constraint as it was, checked without blocking writes where the server can."""
    alter = f"ALTER TABLE {remedy.table.sql}"
    name = identifier(remedy.name)
    definition = remedy.definition.removesuffix(_NOT_VALID)
    if not constraint.enforced:
        return (f"{alter} ADD CONSTRAINT {name} {definition}",)
    declared = f"{alter} ADD CONSTRAINT {name} {definition}{_NOT_VALID}"
    return (declared, f"{alter} VALIDATE CONSTRAINT {name}") if constraint.validated else (declared,)


def _constraint(draft: Draft, relation: Relation, name: str) -> Constraint:
    for constraint in draft.snapshot.constraints_of(relation.oid):
        if constraint.name == name:
            return constraint
    raise draft.missing(f"constraint {identifier(name)} of {relation.display}")
