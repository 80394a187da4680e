"""Makes a plan of an audit: every remedy once, consolidated, reversible, in an order that can be carried out.

Pure: the plan depends on the snapshot, its audit and the configuration alone, so that the same database gives
the same plan, and one that the plan was carried out on gives an empty one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tenfold.migrate.draft import Draft
from tenfold.migrate.index_name import unfinished_indexes
from tenfold.migrate.indexes import plan_indexes
from tenfold.migrate.isolation import Guard, isolate_tables
from tenfold.migrate.keys import (
    add_foreign_key,
    drop_constraint,
    target_index,
    validate_constraint,
)
from tenfold.migrate.not_null import set_not_null
from tenfold.migrate.order import ordered
from tenfold.migrate.prospect import keys_to_follow
from tenfold.migrate.resume import unfinished_checks, unfinished_columns
from tenfold.migrate.settings import (
    grant_table,
    revoke_table,
    set_function_search_path,
    set_role_setting,
    set_statistics,
    set_table_options,
    set_view_invoker,
)
from tenfold.migrate.tenant_column import add_tenant_column, parents_first
from tenfold.migrate.wishes import Wish, gather, merged
from tenfold.model.audit import Audit
from tenfold.model.change import Change, Plan
from tenfold.model.config import Config
from tenfold.model.remedy import (
    AddForeignKey,
    AddTenantColumn,
    AlterPolicy,
    CreateIndex,
    CreatePolicy,
    DropConstraint,
    DropIndex,
    DropPolicy,
    EnableRls,
    ForceRls,
    GrantTable,
    RebuildIndex,
    Remedy,
    RevokeTable,
    SetFunctionSearchPath,
    SetNotNull,
    SetRoleSetting,
    SetStatistics,
    SetTableOptions,
    SetViewInvoker,
    Table,
    ValidateConstraint,
)
from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject

R = TypeVar("R")

#: Remedies that become changes one by one.
_ALONE: dict[type[Any], Callable[[Draft, Wish[Any]], None]] = {
    ValidateConstraint: validate_constraint,
    SetStatistics: set_statistics,
    SetRoleSetting: set_role_setting,
    SetViewInvoker: set_view_invoker,
    SetFunctionSearchPath: set_function_search_path,
    GrantTable: grant_table,
    RevokeTable: revoke_table,
}
_INDEXES = (CreateIndex, DropIndex, RebuildIndex)
_KEYS = (AddTenantColumn, SetNotNull, AddForeignKey, DropConstraint)
_GUARDS: tuple[type[Guard], ...] = (CreatePolicy, AlterPolicy, DropPolicy, EnableRls, ForceRls)
_KNOWN: tuple[type[Any], ...] = (*_ALONE, *_INDEXES, *_KEYS, *_GUARDS, SetTableOptions)


def plan(snapshot: Snapshot, audit: Audit, config: Config = Config()) -> Plan:
    """The plan that settles the audit's findings, as far as their remedies go.

    Raises UsageError where a finding names what the snapshot does not have, TypeError for a remedy that no
    change is known for.
    """
    subject = Subject(snapshot=snapshot, tenancy=audit.tenancy, config=config)
    draft = Draft(subject, audit.findings)
    _fill(draft, gather(audit.findings))
    return Plan(
        fingerprint=snapshot.fingerprint,
        database=snapshot.database.name,
        server_version=snapshot.server.version,
        made_from=snapshot.server.now,
        changes=ordered(draft.changes.values(), _heat(subject)),
        skipped=tuple(draft.skipped),
    )


def _fill(draft: Draft, wishes: Sequence[Wish[Remedy]]) -> None:
    """Columns first: indexes, keys and policies may be over those that the plan adds."""
    for wish in wishes:
        if not isinstance(wish.remedy, _KNOWN):
            raise TypeError(f"no change is known for {type(wish.remedy).__name__}")
    for each in merged([*_of(wishes, SetNotNull), *unfinished_checks(draft)]):
        set_not_null(draft, each)
    columns = parents_first(merged([*_of(wishes, AddTenantColumn), *unfinished_columns(draft)]))
    derived = [each for column in columns for each in add_tenant_column(draft, column)]
    derived += keys_to_follow(draft, columns)
    # The derived ones first: of two keys on the same columns, theirs lets the tenant of a parent change.
    wishes = merged([*derived, *wishes])
    built = _indexes(draft, wishes)
    _foreign_keys(draft, wishes, built)
    isolate_tables(draft, [guard for kind in _GUARDS for guard in _of(wishes, kind)])
    set_table_options(draft, _of(wishes, SetTableOptions))
    for wish in wishes:
        make = _ALONE.get(type(wish.remedy))
        if make is not None:
            make(draft, wish)


def _indexes(draft: Draft, wishes: Sequence[Wish[Remedy]]) -> dict[CreateIndex, str]:
    """Also those that foreign keys refer to; returns the change of each that is built."""
    targets = [target_index(draft, wish) for wish in _of(wishes, AddForeignKey)]
    creates = merged(
        [
            *_of(wishes, CreateIndex),
            *(target for target in targets if target is not None),
            *unfinished_indexes(draft),
        ]
    )
    return plan_indexes(draft, creates, _of(wishes, DropIndex), _of(wishes, RebuildIndex))


def _foreign_keys(draft: Draft, wishes: Sequence[Wish[Remedy]], built: dict[CreateIndex, str]) -> None:
    targets = {
        (index.table, frozenset(index.columns)): change for index, change in built.items() if index.unique
    }
    made: dict[tuple[Table, tuple[str, ...], Table], str] = {}
    for wish in _of(wishes, AddForeignKey):
        key = (wish.remedy.table, wish.remedy.columns, wish.remedy.parent)
        if key in made:
            draft.settle(made[key], wish)
        elif (change := add_foreign_key(draft, wish, targets)) is not None:
            made[key] = change
    # What is taken away goes after what the same findings put in its place.
    settling: defaultdict[str, list[str]] = defaultdict(list)
    for each in draft.changes.values():
        for finding in each.findings:
            settling[finding].append(each.id)
    for unwanted in _of(wishes, DropConstraint):
        drop_constraint(
            draft, unwanted, (each for finding in unwanted.findings for each in settling[finding])
        )


def _of(wishes: Iterable[Wish[Any]], kind: type[R]) -> list[Wish[R]]:
    return [wish for wish in wishes if isinstance(wish.remedy, kind)]


def _heat(subject: Subject) -> Callable[[Change], float]:
    """Operations a day of a change's table; of equally busy ones, more rows are hotter."""
    by_display = {relation.display: relation for relation in subject.relations}

    def heat(change: Change) -> float:
        relation = by_display.get(change.object)
        if relation is None:
            return 0.0
        return subject.operations_per_day(relation) + subject.rows(relation) / 1e12

    return heat
