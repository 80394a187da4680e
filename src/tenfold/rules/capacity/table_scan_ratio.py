"""A table of some size is too often read from end to end.

## What it finds
Tables of 10,000 rows or more, partitions counted together, where over 5 % of all scans are sequential, of at
least 100 scans since the counters began.

## Why it matters
A sequential scan reads every page of the table, however few rows it is after, so its cost grows with all
tenants together and pushes other pages out of the cache. A lone one may be right: a report, an export. One in
twenty on a table that tenants query by key means that some frequent filter has no index.

## How to fix
Find the statement (`query-missing-tenant-filter`, `query-top-time`) and the index it lacks
(`tenant-index-missing`, `fk-index-missing`, `hot-table-unindexed`). Where all queries name the tenant but the
planner still scans, look at the statistics (`tenant-stats-missing`).

## When to ignore
Tables that are meant to be read whole: small dimensions above the threshold, sources of nightly exports. An
index build or a foreign key's validation counts as a sequential scan too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.metrics import percent, scans_of
from tenfold.rules.subject import Subject

ID = "table-scan-ratio"


def check(subject: Subject) -> Iterator[Finding]:
    thresholds = subject.thresholds
    for table in subject.tables:
        share = scans_of(subject, table)
        if share is None or share.whole < thresholds.ratio_min_events:
            continue
        if share.ratio > thresholds.table_scan_ratio_alert:
            yield Finding(
                rule=ID,
                priority=subject.priority(table),
                object=table.display,
                relation=table.oid,
                message=f"{share.part:,.0f} of {share.whole:,.0f} scans of {table.display} "
                f"({percent(share.ratio)}) read all of its {subject.rows(table):,.0f} rows",
            )
