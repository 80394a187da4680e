"""A statement reads or writes a tenant table without saying whose rows it means.

## What it finds
`SELECT`, `INSERT`, `UPDATE`, `DELETE` and `MERGE` that touch a tenant table while nothing holds its rows to
a tenant: no comparison of the tenant column, in `WHERE` or `ON`, by itself or through a join; and no join
to a table that is held. A lookup by primary key alone counts too. An `INSERT` must supply the tenant
column. Judged are the statements of the workload file, and those that pg_stat_statements recorded for roles
that are not superusers and often enough. Statements within functions are left out: what binds them may be
around the call.

## Why it matters
Such a statement answers one tenant's request with every tenant's rows; all that stands in between is code
that somebody will forget. It also gets slower as the *other* tenants grow, since an index that leads with
the tenant cannot serve it. From the day row-level security is enabled it sees the rows of the tenant that
is set, or none where none is set: reports and jobs over all tenants stop working.

## How to fix
Compare the tenant column, also where the primary key is enough to find the row:
```sql
SELECT id, status FROM leads WHERE team_id = $1 AND email = $2;
UPDATE leads SET status = $3 WHERE team_id = $1 AND id = $2;
```
Row-level security is the second wall behind it, for the statement that somebody forgets.

## When to ignore
What means all tenants, such as a worker that takes from one queue for all, or a lookup by a secret token that
tells the tenant in the first place: ignore it by name and with the reason, and let it run under a role of its
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.model.roles import Role
from tenfold.rules.privileges import Privileges
from tenfold.rules.subject import Subject
from tenfold.rules.tenant_binding import tenant_column, unbound
from tenfold.rules.workload import Judged, judged, once_each
from tenfold.statements.shape import TableUse
from tenfold.statements.text import shown

ID = "query-missing-tenant-filter"
NEEDS_TENANCY = True

_DOES = {
    "read": "reads",
    "insert": "inserts into",
    "update": "updates",
    "delete": "deletes from",
    "merge": "merges into",
}


def check(subject: Subject) -> Iterator[Finding]:
    applications = (each for each in subject.once(judged) if _is_an_application_s(subject, each))
    for name, each in once_each(subject, applications).items():
        uses = unbound(subject, each.shape) if each.shape is not None else ()
        if uses:
            yield _finding(subject, name, each, uses)


def _finding(subject: Subject, name: str, each: Judged, uses: tuple[TableUse, ...]) -> Finding:
    tables = [subject.snapshot.relation_by_oid[use.relation] for use in uses]
    columns = {column.name for use in uses if (column := tenant_column(subject, use)) is not None}
    does = dict.fromkeys(
        f"{_DOES[use.access]} {table.display}" for use, table in zip(uses, tables, strict=True)
    )
    priority, consequence = _consequence(subject, each, uses, tables)
    return Finding(
        rule=ID,
        priority=priority,
        object=name,
        relation=tables[0].oid,
        message=f"{name} {' and '.join(does)} without {' or '.join(sorted(columns))}: {consequence}; "
        f"{shown(each.statement.text)}",
    )


def _consequence(
    subject: Subject, each: Judged, uses: Iterable[TableUse], tables: Iterable[Relation]
) -> tuple[Priority, str]:
    if all(_is_bound_by_policies(subject, each, table) for table in tables):
        return Priority.P2, "row-level security alone holds it to one tenant"
    if all(use.access == "insert" for use in uses):
        return Priority.P1, "the new rows belong to no tenant"
    if all(_finds_one_row(subject, use) for use in uses):
        return Priority.P1, "whoever knows or guesses a key reaches another tenant's row"
    return Priority.P0, "it reaches every tenant's rows"


def _is_an_application_s(subject: Subject, each: Judged) -> bool:
    """Not a superuser's, whose maintenance and dumps mean all rows, and not from within a function."""
    if not each.is_recorded:
        return True
    roles = [subject.snapshot.role_by_oid.get(oid) for oid in each.roles]
    return each.statement.top_level and not (roles and all(role and role.superuser for role in roles))


def _is_bound_by_policies(subject: Subject, each: Judged, table: Relation) -> bool:
    if not table.rls_enabled:
        return False
    privileges = subject.once(Privileges)
    ran = [role for oid in each.roles if (role := subject.snapshot.role_by_oid.get(oid)) is not None]
    roles: Iterable[Role] = ran or privileges.used
    return all(
        privileges.way_round(role) is None and (table.rls_forced or not privileges.owns(role, table))
        for role in roles
    )


def _finds_one_row(subject: Subject, use: TableUse) -> bool:
    """Whether it compares all columns of a unique key."""
    snapshot = subject.snapshot
    return any(
        index.unique
        and index.valid
        and 0 not in index.key_columns
        and set(snapshot.column_names(use.relation, index.key_columns)) <= use.equal
        for index in snapshot.indexes_of(use.relation)
    )
