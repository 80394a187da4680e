"""How a database is shared by tenants: the tenant column, the tenant table, and each table's part in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

#: tenant: has the tenant column. child: reaches a tenant table through foreign keys only.
#: tenant_table: one row a tenant. shared: belongs to no tenant.
TableClass = Literal["tenant", "child", "tenant_table", "shared"]


class TableTenancy(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One table's part, and the reason in one clause."""

    relation: int
    table_class: TableClass
    why: str
    #: The tenant column of a tenant table; the key of the tenant table.
    column: str | None = None
    #: Of a child: the foreign key constraints to follow, nearest first, to a table with the column.
    path: tuple[int, ...] = ()


class Tenancy(msgspec.Struct, frozen=True, omit_defaults=True, dict=True, kw_only=True):
    """What is known of tenants. `column` is None where no tenancy was found."""

    #: The tenant column, and every name it goes by, the commonest first.
    column: str | None = None
    columns: tuple[str, ...] = ()
    #: Its type as `format_type` says it.
    column_type: str | None = None
    #: Relation oid and key column of the tenant table, where there is one.
    tenant_table: int | None = None
    tenant_key: str | None = None
    #: The setting that carries the tenant for row-level security, such as `app.tenant_id`.
    setting: str = "app.tenant_id"
    #: The role that the application connects as, where it is known.
    application_role: str | None = None
    tables: tuple[TableTenancy, ...] = ()
    #: Why this column, a clause each.
    evidence: tuple[str, ...] = ()

    @cached_property
    def _by_relation(self) -> Mapping[int, TableTenancy]:
        return {table.relation: table for table in self.tables}

    def of(self, relation: int) -> TableTenancy | None:
        """The table's part; None for views, partitions' parents' children left out, and extension tables."""
        return self._by_relation.get(relation)

    def count(self, table_class: TableClass) -> int:
        return sum(table.table_class == table_class for table in self.tables)
