"""A table with tenants' rows has no row-level security.

## What it finds
Tables that belong to tenants, by the tenant column, by a foreign key that leads to it, or as the tenant table
itself, on which row-level security is off and which have no policy. (A table that has policies but does not
enforce them is `policy-without-rls`.)

It is P1, what production needs, as long as the database isolates nobody: then the application does it. It is
P0 where other tables are isolated by policies, so that the application relies on them, and a login role that
policies bind may read this one: that is a hole in the wall.

## Why it matters
One query without its tenant condition, a forgotten join, an aggregate in a report, reads or writes every
tenant's rows. Row-level security adds the condition in the server, where no caller can forget it.

## How to fix
A policy that compares the tenant column with a setting, then ENABLE and FORCE. FORCE makes it bind the
table's owner too, which is often the very role that the application uses. From that moment a session that has
not set the tenant sees no row: deploy the application's side first.

```sql
CREATE POLICY tenant_isolation ON messages
  USING (team_id = (SELECT NULLIF(current_setting('app.team_id', true), '')::bigint))
  WITH CHECK (team_id = (SELECT NULLIF(current_setting('app.team_id', true), '')::bigint));
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
```

A table without the column is not given a policy that looks up its parent: it would be right, and run a
sub-query for its rows. It gets the column first (`tenant-column-missing`); what follows then is shown.

## When to ignore
Every session that reaches the table is meant to see all tenants, as in a warehouse for reporting.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.remedy_sql import statements
from tenfold.rules.isolation import isolate, isolate_by
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject

ID = "tenant-rls-off"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    tables = [relation for relation in subject.tables if _is_of_tenants(subject, relation)]
    policies_of = subject.snapshot.policies_of
    isolated = sum(relation.rls_enabled and bool(policies_of(relation.oid)) for relation in tables)
    for relation in tables:
        if not relation.rls_enabled and not policies_of(relation.oid):
            yield _finding(subject, relation, isolated)


def _is_of_tenants(subject: Subject, relation: Relation) -> bool:
    part = subject.tenancy.of(relation.oid)
    return part is not None and part.table_class != "shared"


def _finding(subject: Subject, relation: Relation, isolated: int) -> Finding:
    name = relation.display
    has_column = relation.oid in subject.tenant_column_of
    readers = subject.once(Privileges).bound_readers(relation) if isolated else ()
    message = f"{name} has no row-level security: a statement without a tenant condition reaches every tenant"
    if readers:
        message = (
            f"{name} has no row-level security, on which {isolated} of the tenants' tables rely: "
            f"{readers[0].name} can read every tenant's rows here"
        )
    if not has_column:
        message += "; it needs the tenant column before a policy can protect it cheaply"
    return Finding(
        rule=ID,
        priority=Priority.P0 if readers else Priority.P1,
        object=name,
        relation=relation.oid,
        message=message,
        remedies=isolate(subject, relation) if has_column else (),
        advice=() if has_column else _once_it_has_the_column(subject, relation),
    )


def _once_it_has_the_column(subject: Subject, relation: Relation) -> tuple[str, ...]:
    tenancy = subject.tenancy
    if tenancy.column is None or tenancy.column_type is None:
        return ()
    remedies = isolate_by(subject, relation, tenancy.column, tenancy.column_type)
    return tuple(text for remedy in remedies for text in statements(remedy))
