"""The settings that decide plans, as the source gives them to a session of a role."""

from __future__ import annotations

from tenfold.catalog.redact import TAKEN_OUT
from tenfold.model.snapshot import Snapshot

#: Of 13 to 18; the twin takes those that its own server has. Some decide what a constant means.
PLANNER_SETTINGS = frozenset(
    """
    constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction
    effective_cache_size effective_io_concurrency enable_async_append enable_bitmapscan
    enable_distinct_reordering enable_gathermerge enable_group_by_reordering enable_hashagg
    enable_hashjoin enable_incremental_sort enable_indexonlyscan enable_indexscan enable_material
    enable_memoize enable_mergejoin enable_nestloop enable_parallel_append enable_parallel_hash
    enable_partition_pruning enable_partitionwise_aggregate enable_partitionwise_join
    enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort enable_tidscan
    from_collapse_limit geqo geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias
    geqo_threshold hash_mem_multiplier join_collapse_limit max_parallel_workers_per_gather
    min_parallel_index_scan_size min_parallel_table_scan_size parallel_leader_participation
    parallel_setup_cost parallel_tuple_cost random_page_cost recursive_worktable_factor row_security
    seq_page_cost temp_buffers work_mem TimeZone DateStyle IntervalStyle default_text_search_config
    """.split()
)

# Where the reading session's own role or database says a setting, pg_settings does not show the server's.
_OF_A_SESSION = frozenset({"user", "database", "database user", "client", "session"})

# The reader sets these for itself, and what is kept of them is what its login gave them.
_SET_BY_THE_READER = frozenset({"TimeZone", "DateStyle", "search_path"})


def session_settings(snapshot: Snapshot, role: str | None) -> dict[str, str]:
    """What a login of the role finds: the server's, over them the database's, over them the role's own.

    Settings under names with a dot, as applications make them up, come along: policies read them.
    """
    found = {
        setting.name: setting.value
        for setting in snapshot.settings
        if (setting.name in PLANNER_SETTINGS and setting.source not in _OF_A_SESSION)
        or (setting.name in _SET_BY_THE_READER and setting.source == "session")
    }
    found |= _items(snapshot.database.settings)
    entry = snapshot.role_by_name.get(role) if role is not None else None
    return found | _items(entry.settings if entry is not None else None)


def _items(items: tuple[str, ...] | None) -> dict[str, str]:
    pairs = (item.partition("=") for item in items or ())
    return {
        name: value
        for name, _, value in pairs
        if name in PLANNER_SETTINGS or name == "search_path" or ("." in name and value != TAKEN_OUT)
    }
