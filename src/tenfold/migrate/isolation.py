"""Changes of phase `isolation`: what sessions may see from then on, one transaction a table.

A table's policies come with ENABLE and FORCE in one change, so that it is never enabled without a policy, and
one command undoes it. Partitions are closed with their root: named directly, they would be open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from tenfold.migrate import probes
from tenfold.migrate.draft import Draft
from tenfold.migrate.estimate import BRIEF
from tenfold.migrate.grants import grant_application
from tenfold.migrate.not_null import not_null_id
from tenfold.migrate.wishes import Wish
from tenfold.model.change import Lock, Phase
from tenfold.model.ddl import identifier
from tenfold.model.relations import Policy, Relation
from tenfold.model.remedy import AlterPolicy, CreatePolicy, DropPolicy, EnableRls, ForceRls, Remedy, Table
from tenfold.model.remedy_sql import statements
from tenfold.rules.mechanism import taken_over
from tenfold.rules.subject import table_of

Guard: TypeAlias = CreatePolicy | AlterPolicy | DropPolicy | EnableRls | ForceRls

_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def isolate_tables(draft: Draft, wishes: Iterable[Wish[Guard]]) -> None:
    """One change for each table that the wishes are about."""
    tables: defaultdict[Table, list[Wish[Guard]]] = defaultdict(list)
    for wish in wishes:
        tables[wish.remedy.table].append(wish)
    enabled = [
        its[0].shared_with(*its[1:]).of(EnableRls(table=table))
        for table, its in sorted(tables.items())
        if any(isinstance(wish.remedy, EnableRls) for wish in its)
    ]
    grants = grant_application(draft, enabled)
    for table, each in sorted(tables.items()):
        _isolate(draft, draft.relation(table), each, grants.get(table.schema))


def _isolate(draft: Draft, relation: Relation, wishes: Sequence[Wish[Guard]], grant: str | None) -> None:
    table = table_of(relation)
    steps = [*_policies(draft, relation, wishes), *_switches(draft, relation, wishes)]
    if not steps:
        return
    column = _tenant_column(draft, relation)
    whole = wishes[0].shared_with(*wishes[1:])
    enables = any(isinstance(wish.remedy, EnableRls) for wish in wishes)
    by = f" by {identifier(column)}" if column else ""
    draft.change(
        whole,
        "isolate",
        relation,
        None,
        "statement",
        Phase.ISOLATION,
        title=(f"Isolate {relation.display}{by}" if enables else f"Mend the policies of {relation.display}")
        + "".join(f"; {each}" for each in _announced(draft, relation, wishes)),
        done=_done(steps),
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=tuple(text for step in steps for text in step.sql),
        undo=tuple(text for step in reversed(steps) for text in step.undo),
        estimate=BRIEF,
        requires=[
            *([grant] if grant is not None and enables else []),
            *(_column_changes(draft, table, column) if column else []),
        ],
        note=_note(draft, relation) if enables else None,
    )


class _Step(msgspec.Struct, frozen=True):
    sql: tuple[str, ...]
    undo: tuple[str, ...]
    done: str
    #: Whether `done` compares what the server deparses.
    deparses: bool = False


def _done(steps: Sequence[_Step]) -> str:
    asks = probes.asks_deparsed if any(step.deparses for step in steps) else probes.asks
    return asks(*(step.done for step in steps))


def _tenant_column(draft: Draft, relation: Relation) -> str | None:
    column = draft.subject.tenant_column_of.get(relation.oid)
    if column is not None:
        return column.name
    added = draft.added_columns.get(table_of(relation))
    return added.name if added is not None else None


def _column_changes(draft: Draft, table: Table, column: str) -> list[str]:
    """What must be done before the column can carry a policy, where the plan adds it."""
    filled = draft.fillers(table, [column])
    return [*filled, *draft.planned([not_null_id(table, column)])] if filled else []


def _note(draft: Draft, relation: Relation) -> str:
    tenancy = draft.subject.tenancy
    note = f"a session that has not set {tenancy.setting} sees none of its rows, and writes none"
    if relation.oid == tenancy.tenant_table:
        note += "; whatever looks a tenant up before it is known needs a way of its own, or another role"
    return note


# --- policies ----------------------------------------------------------------------------------------


def _policies(draft: Draft, relation: Relation, wishes: Sequence[Wish[Guard]]) -> list[_Step]:
    """New policies first, dropped ones last, each policy changed by one wish."""
    dropped = {wish.remedy.was.name for wish in wishes if isinstance(wish.remedy, DropPolicy)}
    steps: list[_Step] = []
    created: dict[str, CreatePolicy] = {}
    for wish in wishes:
        if isinstance(wish.remedy, CreatePolicy):
            steps += _create(draft, wish, wish.remedy, created)
    altered: dict[str, AlterPolicy] = {}
    # A rewrite of the whole policy goes before one of a part, then the urgent before the others.
    for wish in sorted(wishes, key=_thoroughness):
        if isinstance(wish.remedy, AlterPolicy) and wish.remedy.name not in dropped:
            altered[wish.remedy.name] = _combined(draft, relation, wish, wish.remedy, altered)
    steps += [_alter(draft, relation, remedy) for _, remedy in sorted(altered.items())]
    for remedy in {wish.remedy for wish in wishes if isinstance(wish.remedy, DropPolicy)}:
        steps.append(_drop(remedy))
    return steps


def _create(
    draft: Draft, wish: Wish[Any], remedy: CreatePolicy, created: dict[str, CreatePolicy]
) -> list[_Step]:
    """Nothing where another finding wants a policy of that name already."""
    known = created.setdefault(remedy.name, remedy)
    if known is not remedy:
        if known != remedy:
            what = f"policy {identifier(remedy.name)} on {remedy.table.sql}"
            draft.skip(
                wish, what, "another finding asks for a different one of this name; audit again afterwards"
            )
        return []
    drop = (f"DROP POLICY {identifier(remedy.name)} ON {remedy.table.sql}",)
    return [_Step(statements(remedy), drop, probes.policy_exists(remedy.table, remedy.name))]


def _thoroughness(wish: Wish[Guard]) -> tuple[bool, str]:
    remedy = wish.remedy
    whole = isinstance(remedy, AlterPolicy) and remedy.using is not None
    return not whole, wish.priority


def _combined(
    draft: Draft, relation: Relation, wish: Wish[Any], remedy: AlterPolicy, altered: dict[str, AlterPolicy]
) -> AlterPolicy:
    """What was decided for the policy already, with those parts of this wish that it leaves alone."""
    known = altered.get(remedy.name)
    if known is None:
        return remedy
    conflict = (known.using and remedy.using and known.using != remedy.using) or (
        known.check and remedy.check and known.check != remedy.check
    )
    if conflict:
        what = f"another form of policy {identifier(remedy.name)} on {relation.display}"
        draft.skip(wish, what, "another finding rewrites the same expression; audit again afterwards")
    return msgspec.structs.replace(
        known,
        using=known.using or remedy.using,
        old_using=known.old_using or remedy.old_using,
        check=known.check or remedy.check,
        old_check=known.old_check or remedy.old_check,
    )


def _alter(draft: Draft, relation: Relation, remedy: AlterPolicy) -> _Step:
    table = remedy.table
    policy = _policy(draft, relation, remedy.name)
    conditions = []
    if remedy.using is not None:
        conditions.append(probes.policy_using_changed(table, remedy.name, policy.using))
    if remedy.check is not None:
        conditions.append(probes.policy_check_changed(table, remedy.name, policy.check))
    back: tuple[Remedy, ...] = (
        msgspec.structs.replace(
            remedy,
            using=policy.using if remedy.using is not None else None,
            check=policy.check if remedy.check is not None else None,
        ),
    )
    gained = (remedy.using is not None and policy.using is None) or (
        remedy.check is not None and policy.check is None
    )
    if gained:  # ALTER cannot take an expression away
        was = _as_it_was(draft, table, policy)
        back = (DropPolicy(table=table, was=was), was)
    undo = tuple(text for each in back for text in statements(each))
    return _Step(statements(remedy), undo, probes.both(*conditions), deparses=True)


def _drop(remedy: DropPolicy) -> _Step:
    gone = probes.negated(probes.policy_exists(remedy.table, remedy.was.name))
    return _Step(statements(remedy), statements(remedy.was), gone)


def _policy(draft: Draft, relation: Relation, name: str) -> Policy:
    for policy in draft.snapshot.policies_of(relation.oid):
        if policy.name == name:
            return policy
    raise draft.missing(f"policy {identifier(name)} on {relation.display}")


def _as_it_was(draft: Draft, table: Table, policy: Policy) -> CreatePolicy:
    roles = draft.snapshot.role_by_oid
    return CreatePolicy(
        table=table,
        name=policy.name,
        command=_COMMANDS[policy.command],
        permissive=policy.permissive,
        roles=tuple(roles[oid].name for oid in policy.roles if oid),
        using=policy.using,
        check=policy.check,
    )


def _announced(draft: Draft, relation: Relation, wishes: Sequence[Wish[Guard]]) -> list[str]:
    """What must not be done silently: policies that go, and those that come to go by our setting."""
    setting = draft.subject.tenancy.setting
    dropped = {wish.remedy.was.name for wish in wishes if isinstance(wish.remedy, DropPolicy)}
    told = [f"policy {identifier(name)} is dropped" for name in sorted(dropped)]
    rewritten = {
        f"{clause} of policy {identifier(remedy.name)} goes by {setting}, so far by {was}"
        for wish in wishes
        if isinstance(remedy := wish.remedy, AlterPolicy) and remedy.name not in dropped
        for clause, was in taken_over(draft.snapshot, _policy(draft, relation, remedy.name), remedy, setting)
    }
    return told + sorted(rewritten)


# --- switches ----------------------------------------------------------------------------------------


def _switches(draft: Draft, relation: Relation, wishes: Sequence[Wish[Guard]]) -> list[_Step]:
    enable = any(isinstance(wish.remedy, EnableRls) for wish in wishes)
    force = any(isinstance(wish.remedy, ForceRls) for wish in wishes)
    tables = [relation, *(_partitions(draft, relation) if enable else ())]
    steps = []
    for each in tables:
        table = table_of(each)
        alter = f"ALTER TABLE {table.sql}"
        if enable and not each.rls_enabled:
            off = (f"{alter} DISABLE ROW LEVEL SECURITY",)
            steps.append(_Step(statements(EnableRls(table=table)), off, probes.rls_enabled(table)))
        if force and not each.rls_forced:
            off = (f"{alter} NO FORCE ROW LEVEL SECURITY",)
            steps.append(_Step(statements(ForceRls(table=table)), off, probes.rls_forced(table)))
    return steps


def _partitions(draft: Draft, relation: Relation) -> Iterable[Relation]:
    if relation.kind != "p":
        return
    for oid in draft.snapshot.children_of(relation.oid):
        part = draft.snapshot.relation_by_oid[oid]
        if part.is_table:
            yield part
            yield from _partitions(draft, part)
