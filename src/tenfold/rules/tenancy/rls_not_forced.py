"""Row-level security is on but not forced, so the table's owner passes it.

## What it finds
Tables with row-level security and at least one policy that lack FORCE. P0 where the owner's rights are in
use: the owner, or a member that inherits its rights, is the application's role or is connected. P1 on tables
of tenants otherwise, P2 on other tables and where the owner is a superuser or has BYPASSRLS: such a role
passes policies with or without FORCE, and the lack shows on the day the table is given to another owner.

## Why it matters
`ENABLE ROW LEVEL SECURITY` exempts the owner, and everybody who has the owner's rights by membership. The
role that ran the migrations owns the tables, and in many products the application connects as that very role:
then every policy is there and none does anything.

## How to fix
`ALTER TABLE ... FORCE ROW LEVEL SECURITY`. It takes a lock for a moment and writes the catalog only.
Foreign-key checks are not affected. Migrations and dumps that run as the owner now see a tenant's rows only:
give them a role with BYPASSRLS that nobody else may become.

## When to ignore
The owner can neither log in nor be reached by membership, and its work on the rows must see all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy import ForceRls
from tenfold.model.roles import Role
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject, table_of

ID = "rls-not-forced"


def check(subject: Subject) -> Iterator[Finding]:
    for relation in subject.tables:
        if relation.rls_enabled and not relation.rls_forced and subject.snapshot.policies_of(relation.oid):
            yield _finding(subject, relation)


def _finding(subject: Subject, relation: Relation) -> Finding:
    privileges = subject.once(Privileges)
    owner = subject.snapshot.role_by_oid.get(relation.owner)
    owner_name = owner.name if owner else "its owner"
    user = next((role for role in privileges.used if privileges.owns(role, relation)), None)
    return Finding(
        rule=ID,
        priority=_priority(subject, relation, privileges, user),
        object=relation.display,
        relation=relation.oid,
        message=f"{relation.display} does not force row-level security: "
        + _consequence(owner_name, user, above=privileges.passes_policies(relation.owner)),
        remedies=(ForceRls(table=table_of(relation)),),
    )


def _consequence(owner: str, user: Role | None, *, above: bool) -> str:
    if above:
        return f"its owner {owner} passes every policy as it is, and so would the next owner"
    if user is None:
        return f"its policies do not bind {owner}, who owns it"
    if user.name == owner:
        return f"its policies do not bind {owner}, who owns it and is in use by the application"
    return f"its policies do not bind {user.name}, which has the rights of the owner {owner}"


def _priority(subject: Subject, relation: Relation, privileges: Privileges, user: Role | None) -> Priority:
    part = subject.tenancy.of(relation.oid)
    if part is None or part.table_class == "shared" or privileges.passes_policies(relation.owner):
        return Priority.P2
    return Priority.P1 if user is None else Priority.P0
