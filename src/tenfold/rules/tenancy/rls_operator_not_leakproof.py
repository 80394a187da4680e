"""An index is ignored under row-level security, because nothing that it searches by is leakproof.

## What it finds
Indexes of tables of tenants with row-level security on whose leading key can be searched only by operators
that are not leakproof: GIN and trigram indexes, B-trees on `numeric`, enums, arrays, `citext`, ranges; an
index made for LIKE (`text_pattern_ops`); and an expression that is not leakproof itself, such as
`lower(email)` or `payload ->> 'status'`. Of a GIN index, where no key has a leakproof operator. Indexes that
lead with the tenant column serve the tenant's condition and are not meant.

## Why it matters
A condition with a function that is not leakproof could tell of rows that a policy hides, by an error or a
side effect. So the server evaluates it only after the policy, on rows that passed, and never by an index. A
superuser's EXPLAIN shows the index in use; the application's does not. On a million rows `@>` answers in
about a millisecond with its GIN index, and scans without it.

## How to fix
There is no statement that is always right; each way has its price.

- Narrow the tenant's rows first, by an index that leads with the tenant column: often that is enough.
- A column, or a stored generated column, of a type whose `=` is leakproof (integers, uuid, text, dates) in
  place of the JSON path or the expression, in a composite index behind the tenant column.
- A SECURITY DEFINER function that compares the tenant itself and searches as its owner.
- Partition by tenant.
- `ALTER FUNCTION ... LEAKPROOF`, as superuser: it vouches that the function reveals nothing by errors. For a
  function of the server's own it is lost at the next `pg_upgrade` or restore.

## When to ignore
Only roles above row-level security search by this index, or it is there for its uniqueness alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Index, Relation
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy._application import tenants_tables
from tenfold.rules.tenancy._leakproof import Leakproof

ID = "rls-operator-not-leakproof"
NEEDS_TENANCY = True


def check(subject: Subject) -> Iterator[Finding]:
    leakproof = subject.once(Leakproof)
    for relation in tenants_tables(subject):
        if not relation.rls_enabled:
            continue
        for index in subject.snapshot.indexes_of(relation.oid):
            reason = leakproof.why_ignored(index)
            if reason is not None:
                yield _finding(relation, index, reason)


def _finding(relation: Relation, index: Index, reason: str) -> Finding:
    return Finding(
        rule=ID,
        priority=Priority.P2,
        object=relation.display,
        detail=index.name,
        relation=relation.oid,
        message=f"index {index.name} on {relation.display} is ignored for roles that row-level security "
        f"binds: {reason}",
    )
