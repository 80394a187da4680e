"""A role that the application uses, or could use, passes every policy.

## What it finds
P0: the application's role (`application_role` in `tenfold.toml`) is a superuser, has BYPASSRLS, or may SET
ROLE to a role that is or has. P1: where that role is not configured, such a role is connected to this
database by a program other than the usual tools; and every login role with BYPASSRLS. Superusers that no
application uses are not meant, nor is the one that initdb made, unless the application connects as it.

## Why it matters
For such a role row-level security does not exist, forced or not. Every test that is run as it passes, and
proves nothing. Membership is enough: `SET ROLE` needs no password, and an injected statement can say it.

## How to fix
Let the application connect as a role of its own that has neither attribute, owns nothing and is a member of
no role that has. The statements shown take the attribute or the membership away; they are not applied by a
plan, because what else the role does today is not in the catalog.

## When to ignore
A role for dumps or replication that needs BYPASSRLS and that only operators can log in as.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.roles import Role
from tenfold.rules.privileges import BOOTSTRAP_SUPERUSER, Privileges
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._application import application_role_statements

ID = "bypassrls-role"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    privileges = subject.once(Privileges)
    used = {role.oid for role in privileges.used}
    for role in subject.snapshot.roles:
        if role.oid not in used and not (role.can_login and role.bypass_rls and not role.superuser):
            continue
        way = privileges.way_round(role)
        if way is not None:
            yield _finding(subject, privileges, role, way, used=role.oid in used)


def _finding(subject: Subject, privileges: Privileges, role: Role, way: Role, *, used: bool) -> Finding:
    configured = privileges.application is not None and privileges.application.oid == role.oid
    if configured:
        who = f"{role.name}, the application's role,"
    elif used:
        programs = [name for name in privileges.connected.get(role.name, ()) if name]
        who = f"{role.name}, as which {programs[0] if programs else 'a program'} is connected,"
    else:
        who = f"{role.name}, which can log in,"
    return Finding(
        rule=ID,
        priority=Priority.P0 if configured else Priority.P1,
        object=role.name,
        message=f"{who} {_how(role, way)}: no row-level security policy binds it",
        advice=_advice(subject, privileges, role, way),
    )


def _how(role: Role, way: Role) -> str:
    if way.oid != role.oid:
        return f"may SET ROLE to {way.name}, which {_how(way, way)}"
    return "is a superuser" if role.superuser else "has BYPASSRLS"


def _advice(subject: Subject, privileges: Privileges, role: Role, way: Role) -> tuple[str, ...]:
    if way.oid != role.oid:
        # Its own memberships: by way of others it may be in a role that it was never granted.
        granted = privileges.memberships_round(role)
        return tuple(f"REVOKE {identifier(each.name)} FROM {identifier(role.name)}" for each in granted)
    # The first superuser cannot be made an ordinary role.
    if role.oid == BOOTSTRAP_SUPERUSER:
        return application_role_statements(subject)
    attributes = "NOSUPERUSER NOBYPASSRLS" if role.superuser else "NOBYPASSRLS"
    return (f"ALTER ROLE {identifier(role.name)} {attributes}",)
