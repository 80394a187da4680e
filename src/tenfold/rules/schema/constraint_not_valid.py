"""A constraint was added NOT VALID and never validated.

## What it finds
A foreign key, check or `NOT NULL` that binds new rows and was never checked against those that were there.
One that is declared `NOT ENFORCED` is meant so and left out.

## Why it matters
The rows from before may break it, so nobody may rely on it: the planner does not (it proves nothing from an
unvalidated check, and skips no join), and a dump that holds such rows fails at no place but the
application's. The next update of such a row fails, long after whoever wrote it has gone.

## How to fix
```sql
ALTER TABLE persona_phones VALIDATE CONSTRAINT persona_phones_phone_e164;
```
It reads the table once while reads and writes go on. Where a row breaks it, the statement fails, names the
constraint and changes nothing: correct the rows and run it again.

## When to ignore
Where old rows are known to break the rule and are kept as they were; then say so in a comment on the
constraint.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Constraint
from tenfold.model.remedy import ValidateConstraint
from tenfold.rules.subject import Subject, table_of

ID = "constraint-not-valid"

_KINDS = {"f": "foreign key", "c": "check", "n": "NOT NULL"}


def check(subject: Subject) -> Iterator[Finding]:
    for constraint in subject.snapshot.constraints:
        if constraint.validated or not constraint.enforced or constraint.kind not in _KINDS:
            continue
        relation = subject.snapshot.relation_by_oid.get(constraint.relation)
        if relation is None or relation.oid not in subject.judged or _is_inherited(subject, constraint):
            continue
        yield Finding(
            rule=ID,
            priority=max(Priority.P1, subject.priority(relation)),
            object=relation.display,
            detail=constraint.name,
            relation=relation.oid,
            message=f"{_KINDS[constraint.kind]} {constraint.name} was never validated: "
            f"rows of {relation.display} from before it may break it",
            remedies=(ValidateConstraint(table=table_of(relation), name=constraint.name),),
        )


def _is_inherited(subject: Subject, constraint: Constraint) -> bool:
    """Whether validating it on the parent validates it here."""
    return constraint.parent is not None or any(
        other.name == constraint.name and not other.validated
        for parent in subject.snapshot.parents_of(constraint.relation)
        for other in subject.snapshot.constraints_of(parent)
    )
