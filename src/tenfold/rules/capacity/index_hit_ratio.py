"""Too many index blocks are not found in shared buffers.

## What it finds
A database whose index blocks were found in shared buffers less than 95 % of the time, of at least 100,000
that were asked for.

## Why it matters
An index is descended from the root for every lookup, so its upper pages are asked for all day and belong in
memory. When they are not there, each lookup waits for the operating system or the disk. It shows that the
indexes in use have outgrown shared_buffers, or that large scans keep washing them out.

## How to fix
Raise shared_buffers (a quarter of the memory is the usual start; needs a restart). Make indexes smaller: drop
unused and redundant ones, rebuild bloated ones, partition tables whose old rows nobody reads. Stop the large
scans that wash out the cache (`table-scan-ratio`).

## When to ignore
Shortly after a start, while the cache fills. Where the operating system's cache holds what shared buffers do
not, a miss costs microseconds: the server cannot tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.ddl import identifier
from tenfold.model.finding import Finding, Priority
from tenfold.rules.metrics import Unmeasured, index_hit_share, percent
from tenfold.rules.subject import Subject

ID = "index-hit-ratio"


def check(subject: Subject) -> Iterator[Finding]:
    share = index_hit_share(subject)
    thresholds = subject.thresholds
    if isinstance(share, Unmeasured) or share.ratio >= thresholds.index_hit_ratio_alert:
        return
    database = subject.snapshot.database.name
    yield Finding(
        rule=ID,
        priority=Priority.P1,
        object=identifier(database),
        message=f"{percent(share.ratio)} of {share.whole:,.0f} index blocks were found in shared buffers; "
        f"the target is {100 * thresholds.index_hit_ratio_target:g} %",
    )
