"""A large tenant table is one heap: partitioning by tenant would keep each tenant's rows together.

## What it finds
Tables with the tenant column that are not partitioned and that do not grow with time alone (those are for
`partition-candidate-time`, and queues should be kept short instead). They must hold 10,000,000 rows, or the
configuration must expect 5,000 operations a day of them.

## Why it matters
In one heap the rows of all tenants are mixed: a page read for one tenant is filled with rows of others, and
one tenant's export, import or deletion works through indexes and vacuum of the whole table. Partitioned by
tenant, a query that names the tenant touches one partition and its smaller indexes (the planner leaves the
others out, and under a tenant policy it does so when the query starts), vacuum works partition by partition,
and a very large tenant can be given a partition of its own.

## How to fix
Partition by hash of the tenant column, or by list where few tenants are large. Unique keys, the primary key
included, must contain the tenant column; foreign keys that refer to the table then carry it too, which also
keeps them within the tenant. Copy by tenant, smallest first, with writes to both tables in a trigger, and
rename in one transaction.

## When to ignore
As long as indexes that lead with the tenant are in place and vacuum keeps up, one table serves well past ten
million rows. A query that does not name the tenant asks every partition.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import fit, qualified
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import Relation
from tenfold.rules.capacity._partitioning import (
    partitioned_copy,
    partitioned_name,
    referring_keys,
    refers_text,
    volume,
)
from tenfold.rules.capacity._time_series import time_series
from tenfold.rules.subject import Subject

ID = "partition-candidate-tenant"
NEEDS_TENANCY = True

# Few enough for plans that ask all of them, enough to spread vacuum; a power of two splits evenly later.
_PARTITIONS = 8


def check(subject: Subject) -> Iterator[Finding]:
    referring = subject.once(referring_keys)
    for tenant_table in subject.tenant_tables:
        table, column = tenant_table.relation, tenant_table.column
        size = volume(subject, table, subject.thresholds.partition_tenant_operations_per_day)
        if size is None or table.kind != "r" or time_series(subject, table) is not None:
            continue
        yield Finding(
            rule=ID,
            priority=Priority.P2,
            object=table.display,
            relation=table.oid,
            message=f"{table.display} {size} and mixes all tenants in one heap: partitions by {column.name} "
            f"would keep each tenant's rows together{refers_text(referring.get(table.oid, 0))}",
            advice=(partitioned_copy(subject, table, column, "HASH"), *_partitions(table)),
        )


def _partitions(table: Relation) -> Iterator[str]:
    for remainder in range(_PARTITIONS):
        yield (
            f"CREATE TABLE {qualified(table.schema, fit(f'{table.name}_{remainder}'))} "
            f"PARTITION OF {partitioned_name(table)} "
            f"FOR VALUES WITH (MODULUS {_PARTITIONS}, REMAINDER {remainder})"
        )
