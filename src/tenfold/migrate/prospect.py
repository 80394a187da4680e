"""The database as it will be when the plan's tenant columns are there, for rules to judge beforehand.

A child table that gets the tenant column becomes a tenant's table. Its other foreign keys, and those to it,
then have to include the tenant too: what the next audit would find is planned in one go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tenfold.migrate.draft import AddedColumn, Draft
from tenfold.migrate.wishes import Wish
from tenfold.model.relations import Column
from tenfold.model.remedy import AddForeignKey, AddTenantColumn, Remedy, Table
from tenfold.model.tenancy import TableTenancy
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy import tenant_fk_cross


def keys_to_follow(draft: Draft, wishes: Sequence[Wish[AddTenantColumn]]) -> Iterator[Wish[Remedy]]:
    """Foreign keys that have to include the tenant once the columns of these wishes are there."""
    columns = tuple(
        column
        for column in draft.added_columns.values()
        if draft.snapshot.column(draft.relation(column.table).oid, column.name) is None
    )
    if not columns:
        return
    known = {finding.key for finding in draft.findings}
    known |= {f"{tenant_fk_cross.ID}:{key}" for wish in wishes for key in _followed(draft, wish.remedy)}
    by_table = {wish.remedy.table: wish for wish in wishes}
    for finding in tenant_fk_cross.check(_prospect(draft.subject, columns)):
        if finding.key not in known and not _is_ignored(draft.subject, finding.object):
            tables = {table for remedy in finding.remedies for table in _tables(remedy)}
            asking = sorted({key for table in tables & by_table.keys() for key in by_table[table].findings})
            for remedy in finding.remedies:
                yield Wish(remedy, finding.priority, tuple(asking))


def _tables(remedy: Remedy) -> tuple[Table, ...]:
    """Both ends of a foreign key."""
    return (remedy.table, remedy.parent) if isinstance(remedy, AddForeignKey) else ()


def _followed(draft: Draft, remedy: AddTenantColumn) -> Iterator[str]:
    """The foreign key that the tenant is copied along, which gets its composite key with the column."""
    relation, parent = draft.relation(remedy.table), draft.relation(remedy.parent)
    for key in draft.snapshot.foreign_keys_of(relation.oid):
        columns = draft.snapshot.column_names(relation.oid, key.columns)
        if key.foreign_relation == parent.oid and columns == remedy.foreign_columns:
            yield f"{relation.display}:{key.name}"


def _is_ignored(subject: Subject, name: str) -> bool:
    return any(
        ignore.rule == tenant_fk_cross.ID and ignore.object in (None, name)
        for ignore in subject.config.ignore
    )


def _prospect(subject: Subject, added: Sequence[AddedColumn]) -> Subject:
    snapshot, tenancy = subject.snapshot, subject.tenancy
    columns = {
        snapshot.relation_by_name[column.table.schema, column.table.name].oid: column for column in added
    }
    return msgspec.structs.replace(
        subject,
        snapshot=msgspec.structs.replace(
            snapshot,
            columns=(*snapshot.columns, *(_column(subject, oid, column) for oid, column in columns.items())),
        ),
        tenancy=msgspec.structs.replace(
            tenancy,
            tables=tuple(
                TableTenancy(part.relation, "tenant", part.why, column=columns[part.relation].name)
                if part.relation in columns
                else part
                for part in tenancy.tables
            ),
        ),
    )


def _column(subject: Subject, relation: int, added: AddedColumn) -> Column:
    """A column like the tenant columns of that type that there are."""
    like = next(column for column in subject.tenant_column_of.values() if column.type == added.type)
    number = max(column.number for column in subject.snapshot.columns_of(relation)) + 1
    return msgspec.structs.replace(like, relation=relation, number=number, name=added.name, not_null=False)
