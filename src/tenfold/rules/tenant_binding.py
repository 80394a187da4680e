"""Whether a statement says whose rows it means: which of its tenant tables nothing holds to a tenant."""

from __future__ import annotations

from tenfold.model.relations import Column, Relation
from tenfold.rules.subject import Subject
from tenfold.statements.equalities import Hold
from tenfold.statements.shape import Shape, TableUse


def unbound(subject: Subject, shape: Shape) -> tuple[TableUse, ...]:
    """The uses of tenant tables that could be any tenant's rows.

    A use is bound where its tenant column is compared with anything but another column, where it is joined to
    a bound use (the rows of a lead's messages are those of the lead's tenant), or to the tenant table's row
    found by any of its columns. An INSERT is bound where it supplies the tenant column.
    """
    bound: dict[int, Hold] = {}
    for number, use in enumerate(shape.uses):
        hold = _hold(subject, use)
        if hold is not Hold.NOT:
            bound[number] = hold
    reached = shape.reached(bound)
    return tuple(
        use for number, use in enumerate(shape.uses) if _leaks(subject, use, reached.get(number, Hold.NOT))
    )


def binds(subject: Subject, use: TableUse) -> bool:
    """Whether the statement compares the use's own tenant column, by itself or through joins."""
    column = tenant_column(subject, use)
    return column is not None and column.name in use.equal | use.listed


def tenant_column(subject: Subject, use: TableUse) -> Column | None:
    """The tenant column of the table used, or of the partitioned table that it is a part of."""
    return subject.tenant_column_of.get(_root(subject, use).oid)


def _hold(subject: Subject, use: TableUse) -> Hold:
    if _root(subject, use).oid == subject.tenancy.tenant_table:
        return max(use.held.values(), default=Hold.NOT)
    column = tenant_column(subject, use)
    return use.held.get(column.name, Hold.NOT) if column is not None else Hold.NOT


def _leaks(subject: Subject, use: TableUse, hold: Hold) -> bool:
    column = tenant_column(subject, use)
    if column is None or _root(subject, use).oid == subject.tenancy.tenant_table:
        return False
    if use.access == "insert":
        return not _supplies(subject, use, column)
    return hold is Hold.NOT


def _supplies(subject: Subject, use: TableUse, column: Column) -> bool:
    """Whether the new row gets its tenant: from the statement, a default or, as may be, a trigger."""
    return (
        use.supplies is None
        or column.name in use.supplies
        or column.default is not None
        or bool(column.identity or column.generated)
        or bool(subject.snapshot.triggers_of(use.relation))
    )


def _root(subject: Subject, use: TableUse) -> Relation:
    return subject.root_of(subject.snapshot.relation_by_oid[use.relation])
