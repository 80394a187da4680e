"""A view over tenants' tables runs with the rights of an owner whom their policies do not bind.

## What it finds
Views without `security_invoker` that read a table of tenants, owned by a role that passes its policies: a
superuser, a role with BYPASSRLS, or, where row-level security is on and not forced, a role with the rights of
the table's owner. P0 where row-level security is on and a role that policies bind may read the view, else P1.
A view that reads another view is not repeated: the inner one is what leaks.

## Why it matters
Policies are applied for the role that the view runs as, by default the view's owner. A superuser's view shows
every tenant's rows to whoever may read the view, and no policy on the tables changes that.

## How to fix
`ALTER VIEW ... SET (security_invoker = true)`: tables are then read with the rights, and under the policies,
of whoever asks. Readers of the view need SELECT on the tables too: where one lacks it the statements are only
shown. Before PostgreSQL 15 there is no such option: give the view to an owner that is bound by policies, and
force them.

## When to ignore
The view filters by the tenant setting itself and is a `security_barrier`, or adds up over all tenants on
purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation, View
from tenfold.model.remedy import GrantTable, SetViewInvoker
from tenfold.model.remedy_sql import statements
from tenfold.model.roles import Role
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._application import tenants_tables

ID = "view-not-invoker"
NEEDS_TENANCY = True

#: The first server that has `security_invoker`.
_INVOKER_SINCE = 15


def check(subject: Subject) -> Iterator[Finding]:
    tables = {relation.oid: relation for relation in tenants_tables(subject)}
    for view in subject.snapshot.views:
        relation = subject.snapshot.relation_by_oid[view.relation]
        if relation.kind != "v" or relation.oid not in subject.judged or _is_invoker(relation):
            continue
        read = [table for oid in view.reads if (table := _root(subject, tables, oid)) is not None]
        unguarded = [table for table in read if _passes(subject, relation, table)]
        if unguarded:
            yield _finding(subject, relation, unguarded, _lacking(subject, relation, view))


def _is_invoker(view: Relation) -> bool:
    return (view.option("security_invoker") or "").lower() in ("true", "on", "yes", "1")


def _root(subject: Subject, tables: dict[int, Relation], oid: int) -> Relation | None:
    """The table of tenants that the view reads, where it is one or a part of one."""
    relation = subject.snapshot.relation_by_oid.get(oid)
    return tables.get(subject.root_of(relation).oid) if relation is not None else None


def _passes(subject: Subject, view: Relation, table: Relation) -> bool:
    """Whether the policies of the table, once they are on, do not bind the view's owner."""
    privileges = subject.once(Privileges)
    if privileges.passes_policies(view.owner):
        return True
    return table.rls_enabled and not table.rls_forced and table.owner in privileges.has(view.owner)


def _lacking(subject: Subject, relation: Relation, view: View) -> list[tuple[Relation, Role]]:
    """What the view reads, and readers of the view that may not read it themselves."""
    privileges = subject.once(Privileges)
    found = (subject.snapshot.relation_by_oid.get(oid) for oid in view.reads)
    return [
        (read, role)
        for read in found
        if read is not None
        for role in privileges.bound_readers(relation)
        if not privileges.may_read(role, read)
    ]


def _finding(
    subject: Subject, view: Relation, unguarded: list[Relation], lacking: list[tuple[Relation, Role]]
) -> Finding:
    owner = subject.snapshot.role_by_oid.get(view.owner)
    guarded = [table for table in unguarded if table.rls_enabled]
    readers = subject.once(Privileges).bound_readers(view)
    table = (guarded or unguarded)[0]
    name = owner.name if owner is not None else "its owner"
    message = (
        f"view {view.display} reads {table.display} with the rights of {name}, whom no policy of it binds"
    )
    if guarded and readers:
        message += f": {readers[0].name} sees every tenant's rows through it"
    remedy = SetViewInvoker(table=table_of(view))
    supported = subject.snapshot.server.major >= _INVOKER_SINCE
    if not supported:
        message += f"; security_invoker needs PostgreSQL {_INVOKER_SINCE}, so change the view's owner"
    return Finding(
        rule=ID,
        priority=Priority.P0 if guarded and readers else Priority.P1,
        object=view.display,
        relation=view.oid,
        message=message,
        remedies=(remedy,) if supported and not lacking else (),
        advice=(*_grants(lacking), *statements(remedy)) if supported and lacking else (),
    )


def _grants(lacking: list[tuple[Relation, Role]]) -> tuple[str, ...]:
    grants = (
        GrantTable(table=table_of(relation), role=role.name, privileges=("SELECT",))
        for relation, role in lacking
    )
    return tuple(text for grant in grants for text in statements(grant))
