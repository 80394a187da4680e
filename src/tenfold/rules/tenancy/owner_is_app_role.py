"""The application connects as the owner of the tables that are to be isolated from it.

## What it finds
The application's role (`application_role` in `tenfold.toml`, or else the roles that programs are connected
as) owns tables of tenants, or inherits the rights of the role that does. A superuser is not repeated here;
see `bypassrls-role`.

## Why it matters
An owner passes row-level security unless it is forced, and where it is forced can switch it off, drop the
policy or the table: `ALTER TABLE ... DISABLE ROW LEVEL SECURITY` in an injected statement is enough.
TRUNCATE, which no policy stops, is the owner's right as well.

## How to fix
Two roles: one that owns the tables and runs migrations, which nobody logs in as in daily work, and one for
the application with rights on rows alone. The statements shown are not applied by a plan: running migrations
have to change roles at the same moment.

## When to ignore
Never in production. In a database for development it costs nothing to have the two roles there too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit, identifier
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.roles import Role
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._application import row_rights, tenants_tables

ID = "owner-is-app-role"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    privileges = subject.once(Privileges)
    tables = tenants_tables(subject)
    for role in privileges.used:
        if role.superuser:
            continue
        owned = [relation for relation in tables if privileges.owns(role, relation)]
        if owned:
            yield _finding(subject, role, owned)


def _finding(subject: Subject, role: Role, owned: list[Relation]) -> Finding:
    itself = any(relation.owner == role.oid for relation in owned)
    how = "owns" if itself else "has the rights of the owner of"
    tables = owned[0].display if len(owned) == 1 else f"{len(owned)} tables of tenants"
    return Finding(
        rule=ID,
        priority=Priority.P1,
        object=role.name,
        message=f"{role.name}, as which the application connects, {how} {tables}: it can switch their "
        "policies off, and passes them where they are not forced",
        advice=_advice(subject, role, owned) if itself else (),
    )


def _advice(subject: Subject, role: Role, owned: list[Relation]) -> tuple[str, ...]:
    owner = fit(f"{role.name}_owner", frozenset(subject.snapshot.role_by_name))
    return (
        f"CREATE ROLE {identifier(owner)} NOLOGIN",
        f"REASSIGN OWNED BY {identifier(role.name)} TO {identifier(owner)}",
        *row_rights(role.name, sorted({relation.schema for relation in owned})),
    )
