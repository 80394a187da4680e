"""A partition or inheriting table is not protected by its parent's row-level security.

## What it finds
A table with row-level security whose partitions or inheriting tables, at any depth, have it off. P0 where a
role other than the owner has a right to the child itself, or where the owner is a role that is meant to be
bound (`FORCE`) and can log in; else P1: the next `GRANT ... ON ALL TABLES IN SCHEMA` makes it one.

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
from tenfold.model.remedy import EnableRls, ForceRls, Remedy, RevokeTable, statements
from tenfold.model.roles import parse_acl_item
from tenfold.rules.isolation import isolate
from tenfold.rules.subject import Subject, table_of

ID = "partition-rls-gap"

#: SELECT, INSERT, UPDATE, DELETE, TRUNCATE as letters of an aclitem.
_ROWS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE"}
#: Names that a message lists before it counts.
_NAMED = 3


def check(subject: Subject) -> Iterator[Finding]:
    met: set[int] = set()
    for parent in subject.relations:
        # A protected child of a protected parent is judged with the parent.
        if parent.rls_enabled and parent.oid not in met and not _has_protected_parent(subject, parent):
            gaps = [child for child in _below(subject, parent, met) if not child.rls_enabled]
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


def _finding(subject: Subject, parent: Relation, gaps: list[Relation]) -> Finding:
    open_to = {grantee for child in gaps for grantee in _grantees(subject, child)}
    owned = any(_owner_is_bound(subject, parent, child) for child in gaps)
    listed = ", ".join(child.display for child in gaps[:_NAMED])
    more = f" and {len(gaps) - _NAMED} more" if len(gaps) > _NAMED else ""
    if open_to:
        who = f"{', '.join(sorted(open_to))} may read or change every tenant's rows there"
    elif owned:
        who = "their owner, whom the parent's policies bind, may read every tenant's rows there"
    else:
        who = "nobody but the owner has rights there today, and one grant on all tables would show every row"
    return Finding(
        rule=ID,
        priority=Priority.P0 if open_to or owned else Priority.P1,
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


def _owner_is_bound(subject: Subject, parent: Relation, child: Relation) -> bool:
    owner = subject.snapshot.role_by_oid.get(child.owner)
    return (
        parent.rls_forced
        and owner is not None
        and owner.can_login
        and not (owner.superuser or owner.bypass_rls)
    )


def _grantees(subject: Subject, child: Relation) -> Iterator[str]:
    """Roles other than the owner that row-level security would bind, and that have rights on the rows."""
    owner = subject.snapshot.role_by_oid.get(child.owner)
    for item in child.acl or ():
        grant = parse_acl_item(item)
        if owner is not None and grant.grantee == owner.name:
            continue
        role = subject.snapshot.role_by_name.get(grant.grantee or "")
        exempt = role is not None and (role.superuser or role.bypass_rls)
        if not exempt and any(letter in _ROWS for letter in grant.privileges):
            yield grant.grantee or "PUBLIC"


def _close(subject: Subject, parent: Relation, child: Relation) -> tuple[Remedy, ...]:
    if not child.is_partition and child.oid in subject.tenant_column_of:
        return isolate(subject, child)
    enable = EnableRls(table=table_of(child))
    return (enable, ForceRls(table=table_of(child))) if parent.rls_forced else (enable,)


def _revoke(subject: Subject, child: Relation) -> Iterator[str]:
    for grantee in _grantees(subject, child):
        role = "public" if grantee == "PUBLIC" else grantee
        yield from statements(RevokeTable(table=table_of(child), role=role, privileges=tuple(_ROWS.values())))
