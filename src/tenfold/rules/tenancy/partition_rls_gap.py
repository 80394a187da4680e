"""A partition or inheriting table is not protected by its parent's row-level security.

## What it finds
A table with row-level security whose partitions or inheriting tables, at any depth, have it off. P0 where a
login role that policies bind may read the child itself, or where its owner is one and the parent's policies
are forced on the owner; else P1: the next `GRANT ... ON ALL TABLES IN SCHEMA` makes it one.

## Why it matters
Policies belong to the table that a statement names. `SELECT * FROM messages` is filtered; `SELECT * FROM
messages_2025_01` asks the partition's own policies, and where it has none and row-level security is off,
shows every tenant's rows. Partitions get their rights from default privileges or a blanket grant, so that
nobody notices that the application's role may read them.

## How to fix
Enable (and force) it on each partition, without a policy: then a partition named directly shows nothing,
and the parent, whose policies alone are asked when it is named, works as before.
```sql
ALTER TABLE messages_2025_01 ENABLE ROW LEVEL SECURITY;
```
Whatever makes new partitions must do the same. An inheriting table gets the tenant policy, since it is used
by its own name. A foreign table cannot have row-level security: revoke the rights.

## When to ignore
Never while a role other than the owner has rights on the child; revoking them does as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy import EnableRls, ForceRls, Remedy, RevokeTable
from tenfold.model.remedy_sql import statements
from tenfold.model.roles import Role
from tenfold.rules.isolation import isolate
from tenfold.rules.privileges import Privileges, readers
from tenfold.rules.subject import Subject, table_of

ID = "partition-rls-gap"

#: Names that a message lists before it counts.
_NAMED = 3


def check(subject: Subject) -> Iterator[Finding]:
    met: set[int] = set()
    for parent in subject.relations:
        # A protected child of a protected parent is judged with the parent.
        if parent.rls_enabled and parent.oid not in met and not _has_protected_parent(subject, parent):
            gaps = [child for child in _below(subject, parent, met) if _is_gap(subject, child)]
            if gaps:
                yield _finding(subject, parent, gaps)


def _has_protected_parent(subject: Subject, relation: Relation) -> bool:
    return any(
        subject.snapshot.relation_by_oid[oid].rls_enabled
        or _has_protected_parent(subject, subject.snapshot.relation_by_oid[oid])
        for oid in subject.snapshot.parents_of(relation.oid)
    )


def _below(subject: Subject, parent: Relation, met: set[int]) -> Iterator[Relation]:
    for oid in subject.snapshot.children_of(parent.oid):
        # A table may inherit from several.
        if oid not in met and oid in subject.judged:
            met.add(oid)
            child = subject.snapshot.relation_by_oid[oid]
            yield child
            yield from _below(subject, child, met)


def _is_gap(subject: Subject, child: Relation) -> bool:
    # A foreign table cannot have row-level security: where nobody else has rights, all is done.
    return not child.rls_enabled and (child.kind != "f" or any(_others(subject, child)))


def _finding(subject: Subject, parent: Relation, gaps: list[Relation]) -> Finding:
    privileges = subject.once(Privileges)
    readers_now = {role.name for child in gaps for role in privileges.bound_readers(child)}
    if parent.rls_forced:
        readers_now.update(role.name for child in gaps for role in _bound_owner(subject, child))
    listed = ", ".join(child.display for child in gaps[:_NAMED])
    more = f" and {len(gaps) - _NAMED} more" if len(gaps) > _NAMED else ""
    if readers_now:
        who = f"{', '.join(sorted(readers_now))} may read every row there"
    else:
        who = "no role that policies bind may read it today, and one grant on all tables changes that"
    return Finding(
        rule=ID,
        priority=Priority.P0 if readers_now else Priority.P1,
        object=parent.display,
        relation=parent.oid,
        message=f"row-level security of {parent.display} does not protect {listed}{more} "
        f"when named directly: {who}",
        remedies=tuple(
            remedy for child in gaps if child.kind != "f" for remedy in _close(subject, parent, child)
        ),
        advice=tuple(
            statement for child in gaps if child.kind == "f" for statement in _revoke(subject, child)
        ),
    )


def _bound_owner(subject: Subject, child: Relation) -> Iterator[Role]:
    owner = subject.snapshot.role_by_oid.get(child.owner)
    if owner is not None and owner.can_login and not subject.once(Privileges).passes_policies(owner.oid):
        yield owner


def _close(subject: Subject, parent: Relation, child: Relation) -> tuple[Remedy, ...]:
    if not child.is_partition and child.oid in subject.tenant_column_of:
        return isolate(subject, child)
    enable = EnableRls(table=table_of(child))
    return (enable, ForceRls(table=table_of(child))) if parent.rls_forced else (enable,)


def _revoke(subject: Subject, child: Relation) -> Iterator[str]:
    for role in _others(subject, child):
        yield from statements(RevokeTable(table=table_of(child), role=role, privileges=("SELECT",)))


def _others(subject: Subject, child: Relation) -> list[str]:
    """Roles with SELECT by grant, other than the owner, as REVOKE names them."""
    owner = subject.snapshot.role_by_oid.get(child.owner)
    others = readers(child) - {owner.name} if owner is not None else readers(child)
    return sorted("public" if role is None else role for role in others)
