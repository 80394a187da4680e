"""Every number a rule compares with, in one place. Each can be set in `tenfold.toml` under `[thresholds]`.

The seed documents' figures are kept where they state one; the comment names the source.
"""

from __future__ import annotations

import msgspec


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    # --- hot tables (outreach platform: tiers by expected operations a day) ---
    #: At least so many operations a day make a table hot: its faults are P0.
    hot_operations_per_day: int = 20_000
    #: At least so many make it busy: its faults are P1.
    busy_operations_per_day: int = 100
    #: Counters younger than this say nothing about a day.
    activity_window_hours: float = 24.0

    # --- metrics, target and alert (outreach platform: key metrics to monitor) ---
    #: Share of index blocks that should be found in shared buffers.
    index_hit_ratio_target: float = 0.99
    #: Below this share there is a finding.
    index_hit_ratio_alert: float = 0.95
    #: Share of scans that may read a whole table, of tables above `small_table_rows`.
    table_scan_ratio_target: float = 0.01
    #: Above this share of one table's scans there is a finding.
    table_scan_ratio_alert: float = 0.05
    #: Share of row versions that may be dead; a hot table's autovacuum should start no later.
    dead_tuple_ratio_target: float = 0.05
    #: Above this share of one table's row versions there is a finding.
    dead_tuple_ratio_alert: float = 0.10
    #: Share of connections in use above which there is a finding, of those open to ordinary roles.
    connection_ratio_target: float = 0.80
    #: Above this share the finding is P0.
    connection_ratio_alert: float = 0.90
    #: Query latency that 99 of 100 calls should stay below, as the report's metrics estimate it.
    latency_p99_target_ms: float = 100.0
    #: Above this the metric shows an alert.
    latency_p99_alert_ms: float = 500.0
    #: Fewest calls, and fewest accesses to tables, of which one in a hundred can be told at all.
    ratio_min_events: int = 100
    #: Block reads below which a hit ratio shows a cold start: some 800 MB of 8 kB blocks.
    hit_ratio_min_blocks: int = 100_000

    # --- statements ---
    #: A statement slower than this on average is slow (contacts and companies: 200 ms).
    slow_statement_ms: float = 200.0
    #: And slower than this is urgent (resources and runs: p95 above 500 ms is critical).
    slow_statement_alert_ms: float = 500.0
    #: Share of all execution time that makes a statement a top one.
    top_time_share: float = 0.20
    #: Seconds of execution time in all below which shares of it say nothing.
    top_time_min_seconds: float = 60.0
    #: Statements called less often are not judged.
    statement_min_calls: int = 10
    #: Rows a call above which a statement without LIMIT is unbounded.
    unbounded_rows: int = 1_000

    # --- indexes ---
    #: Days of statistics before an index may be called unused.
    unused_index_days: float = 30.0
    #: Bytes below which an unused or bloated index is not worth a change.
    index_min_bytes: int = 1_000_000
    #: Share of an index's pages that a rebuild would free.
    index_bloat_ratio: float = 0.40
    #: Share of nulls above which an index should leave them out.
    null_heavy_fraction: float = 0.80
    #: Fewest distinct values of a lone key column.
    low_cardinality_values: int = 5
    #: Rows below which selectivity does not matter.
    low_cardinality_rows: int = 10_000
    #: Share of the rows from which a value is not found faster by an index: of rows of 160 bytes, a page of
    #: 8 kB holds 50, so that every twentieth is on nearly every page.
    low_cardinality_share: float = 0.05
    #: Share of updates that were HOT below which an index on a changing column is suspected.
    hot_update_ratio: float = 0.50
    #: Updates below which their share says nothing.
    hot_update_min: int = 10_000

    # --- capacity ---
    #: Share of a key's or sequence's range from which its finding is P0.
    key_exhaustion_alert: float = 0.80
    #: Share from which there is a finding at all.
    key_exhaustion_warn: float = 0.50
    #: Rows from which partitioning is worth its price.
    partition_rows: int = 10_000_000
    #: Expected operations a day from which partitioning by time should be planned while the table is small
    #: (outreach platform: its candidates by time begin here).
    partition_time_operations_per_day: int = 20_000
    #: The same for partitioning by tenant (outreach platform: its candidates by tenant begin here).
    partition_tenant_operations_per_day: int = 5_000
    #: Rows deleted for each row inserted from which a table is kept short by somebody.
    retention_delete_ratio: float = 0.10
    #: Rows below which a table's dead tuples, scans, vacuum and spread over tenants are not judged.
    small_table_rows: int = 10_000
    #: Days without vacuum of a table that changes.
    vacuum_overdue_days: float = 7.0
    #: Times autovacuum_freeze_max_age from which an age of transaction ids is a finding.
    xid_age_ratio: float = 1.5
    #: Share of the 2^31 ids from which it is P0.
    xid_age_stop_ratio: float = 0.40
    #: Bytes a day that sorts and hashes write to temporary files before work_mem is too small.
    temporary_bytes_per_day: int = 1_000_000_000
    #: Bytes of the largest table from which index builds and vacuum want more maintenance_work_mem.
    maintenance_table_bytes: int = 1_000_000_000
    #: Seconds idle inside a transaction from which a session is a finding.
    idle_in_transaction_seconds: float = 300.0
    #: Largest share of rows one tenant has before plans for the average tenant fail it.
    tenant_skew_share: float = 0.30
    #: And how many times the mean tenant's rows.
    tenant_skew_times_mean: float = 10.0
    #: Times more tenants than there are that statistics may count before they are called wrong: estimates of
    #: n_distinct from a sample are off by less where each value is met more than once (Haas and Stokes 1998).
    tenant_count_error: float = 2.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is below zero")
