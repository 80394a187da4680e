"""The tenant policy: the one form of it that every rule and every plan proposes.

`NULLIF(..., '')` closes the gap that SET LOCAL leaves: after the transaction the setting is not absent but
empty, and without it the cast of '' would raise instead of hiding the rows. The cast is on the setting, never
on the column, so that an index on the column serves.
"""

from __future__ import annotations

from tenfold.model.ddl import fit, identifier, literal
from tenfold.model.relations import Relation
from tenfold.model.remedy import CreatePolicy, EnableRls, ForceRls, Remedy
from tenfold.rules.subject import Subject, table_of

POLICY_NAME = "tenant_isolation"
RESTRICTIVE_NAME = "tenant_isolation_only"


def tenant_condition(
    subject: Subject, column: str, column_type: str, *, skewed: bool = False, setting: str | None = None
) -> str:
    """The boolean expression that a tenant policy compares with.

    In a sub-select the setting is read once a statement, whatever the plan; the planner then plans for the
    average tenant. `skewed` leaves the sub-select out, so that it sees this tenant's own frequency.
    `setting` is read instead of the tenancy's own.
    """
    name = literal(setting or subject.tenancy.setting)
    tenant = f"NULLIF(current_setting({name}, true), '')::{column_type}"
    value = tenant if skewed else f"(SELECT {tenant})"
    return f"{identifier(column)} = {value}"


def isolate(subject: Subject, relation: Relation, *, skewed: bool = False) -> tuple[Remedy, ...]:
    """Enables and forces row-level security on a table and gives it the tenant policy.

    A restrictive twin is added where other permissive policies exist: permissive ones are OR-ed.
    """
    column = subject.tenant_column_of[relation.oid]
    return isolate_by(subject, relation, column.name, column.type, skewed=skewed)


def isolate_by(
    subject: Subject, relation: Relation, column: str, column_type: str, *, skewed: bool = False
) -> tuple[Remedy, ...]:
    """The same by a column that the table is still to get."""
    condition = tenant_condition(subject, column, column_type, skewed=skewed)
    table = table_of(relation)
    policies = subject.snapshot.policies_of(relation.oid)
    taken = frozenset(policy.name for policy in policies)
    remedies: list[Remedy] = [
        CreatePolicy(table=table, name=fit(POLICY_NAME, taken), using=condition, check=condition),
    ]
    if any(policy.permissive for policy in policies):
        remedies.append(restrict(subject, relation, condition))
    # Policies first: enabled without one, row-level security would hide every row for a moment.
    if not relation.rls_enabled:
        remedies.append(EnableRls(table=table))
    if not relation.rls_forced:
        remedies.append(ForceRls(table=table))
    return tuple(remedies)


def restrict(
    subject: Subject, relation: Relation, condition: str, roles: tuple[str, ...] = ()
) -> CreatePolicy:
    """The restrictive twin: whatever permissive policies let in, only the tenant's own rows pass."""
    taken = frozenset(policy.name for policy in subject.snapshot.policies_of(relation.oid))
    return CreatePolicy(
        table=table_of(relation),
        name=fit(RESTRICTIVE_NAME, taken),
        permissive=False,
        roles=roles,
        using=condition,
        check=condition,
    )
