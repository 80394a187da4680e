"""Each verdict on plans made by hand: where it is due, and where it is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tenfold.explain.ground import Ground
from tenfold.explain.verdicts import verdicts
from tenfold.model.explained import Verdict
from tenfold.model.query_plan import PlanNode, QueryPlan
from tenfold.model.relations import ColumnStatistics, Inheritance, OperatorClass
from tenfold.model.roles import Operator
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tests.unit.rules.build import DATABASE, SERVER, column, index, role, setting, table

LEADS = table(1, "leads", rows=1_000_000.0, pages=20_000, all_visible_pages=20_000)
SNAPSHOT = Snapshot(
    server=SERVER,
    database=DATABASE,
    relations=(LEADS, table(2, "plans", rows=50.0, pages=1)),
    columns=(
        column(1, 1, "id"),
        column(1, 2, "team_id"),
        column(1, 3, "status", "text"),
        column(1, 4, "created_at", "timestamp with time zone"),
        column(1, 5, "custom", "jsonb"),
        column(1, 6, "stage", "stage", type_kind="e"),
        column(1, 7, "code", "character varying(20)"),
    ),
    statistics=(ColumnStatistics(1, 2, False, 0.0, 8, 100.0, ("7",), (0.5,)),),
    indexes=(
        index(1, 2, oid=11, name="by_team"),
        index(1, 4, oid=12, name="by_time"),
        index(1, 5, oid=13, name="by_custom", method="gin", opclasses=(5,)),
        index(1, 7, oid=14, name="by_code"),
    ),
    operator_classes=(
        OperatorClass(1, "int8_ops", "btree", True, "bigint", (100,)),
        OperatorClass(5, "jsonb_ops", "gin", True, "jsonb", (101,)),
    ),
    operators=(
        Operator(100, "=", "bigint", "bigint", "int8eq", True),
        Operator(101, "@>", "jsonb", "jsonb", "jsonb_contains", False),
        Operator(102, "=", "anyenum", "anyenum", "enum_eq", False),
        Operator(103, "=", "text", "text", "texteq", True),
    ),
    roles=(role(10, "owner"), role(20, "app"), role(30, "boss", superuser=True)),
)
WALLED = msgspec.structs.replace(
    SNAPSHOT, relations=(msgspec.structs.replace(LEADS, rls_enabled=True), *SNAPSHOT.relations[1:])
)


def judged(root: PlanNode, snapshot: Snapshot = SNAPSHOT, who: str | None = None) -> tuple[Verdict, ...]:
    return verdicts(QueryPlan(root=root), Ground(snapshot, Tenancy(columns=("team_id",)), who))


def kinds(root: PlanNode, snapshot: Snapshot = SNAPSHOT, who: str | None = None) -> list[str]:
    return [verdict.kind for verdict in judged(root, snapshot, who)]


def scan(type_: str = "Seq Scan", **fields: Any) -> PlanNode:
    return PlanNode(type=type_, relation="leads", **fields)


# --- what is read ---


def test_a_sequential_scan_of_many_rows_names_the_index_that_would_serve() -> None:
    (found,) = judged(scan(rows=40, filter="((status = 'new'::text) AND (team_id = '9'::bigint))"))
    assert found.kind == "sequential-scan"
    assert found.message == "reads all 1,000,000 rows (20,000 pages) of leads to return 40"
    assert found.remedy == "an index on leads (team_id, status) would find them"


def test_a_sequential_scan_of_few_rows_is_fine() -> None:
    assert kinds(PlanNode(type="Seq Scan", relation="plans", rows=1, filter="(id = 1)")) == []


def test_a_scan_that_returns_most_rows_is_not_sent_to_an_index() -> None:
    (found,) = judged(scan(rows=900_000, filter="(status = 'new'::text)"))
    assert "no index helps" in found.remedy


def test_the_index_of_a_partition_is_proposed_for_all() -> None:
    parent, part = table(8, "all_leads", kind="p"), msgspec.structs.replace(LEADS, is_partition=True)
    parted = msgspec.structs.replace(SNAPSHOT, relations=(part, parent), inheritance=(Inheritance(1, 8),))
    (found,) = judged(scan(rows=40, filter="(status = 'new'::text)"), parted)
    assert found.remedy == "an index on all_leads (status) would find them"


def test_an_index_that_has_the_columns_already_is_not_proposed_again() -> None:
    (found,) = judged(scan(rows=10_000, filter="(team_id = '9'::bigint)"))
    assert found.remedy.startswith("index by_team has all that can be searched by (team_id)")


@pytest.mark.parametrize(("between", "said"), [("Limit", "up to all"), ("Sort", "reads all")])
def test_a_limit_may_end_a_scan_early_unless_all_is_wanted_first(between: str, said: str) -> None:
    below = scan(rows=40, filter="(status = 'new'::text)")
    inner = below if between == "Limit" else PlanNode(type=between, children=(below,))
    (found,) = judged(PlanNode(type="Limit", rows=10, children=(inner,)))
    assert said in found.message
    assert found.path == ((0,) if between == "Limit" else (0, 0))


def test_a_workers_share_is_counted_for_all() -> None:
    below = scan(rows=100, parallel=True, filter="(status = 'new'::text)")
    (found,) = judged(PlanNode(type="Gather", workers_planned=2, children=(below,)))
    assert found.message.endswith("to return 240")  # 2 workers and 0.4 of the leader


def test_of_a_scan_that_was_run_the_rows_that_it_read_count() -> None:
    node = scan(
        rows=40, filter="(status = 'x'::text)", actual_rows=40.0, loops=1.0, removed_by_filter=60_000.0
    )
    (found,) = judged(node)
    assert found.message == "read 60,040 rows of leads, which has 1,000,000, to return 40"
    stopped = msgspec.structs.replace(node, removed_by_filter=500.0)
    assert kinds(stopped) == []


# --- filters ---


def test_rows_that_a_filter_removed_are_counted_over_all_loops() -> None:
    node = scan(
        "Index Scan",
        index="by_team",
        index_condition="(team_id = '9'::bigint)",
        filter="(status = 'new'::text)",
        rows=1,
        actual_rows=1.0,
        loops=100.0,
        removed_by_filter=500.0,
    )
    (found,) = judged(node)
    assert found.kind == "filter-discards"
    assert found.message == "its filter throws away 50,000 of the 50,100 rows that it reads"
    assert found.remedy == "an index on leads (team_id, status) would find them"
    assert kinds(msgspec.structs.replace(node, removed_by_filter=5.0)) == []


def test_an_index_that_is_used_already_is_not_proposed_for_its_filter() -> None:
    bitmap = PlanNode(type="Bitmap Index Scan", index="by_team", index_condition="(team_id = 1)", rows=80_000)
    node = scan("Bitmap Heap Scan", filter="(custom @> '{}'::jsonb)", rows=10, children=(bitmap,))
    assert "by_team has all" in judged(node)[0].remedy


def test_rows_that_a_bitmap_is_expected_to_find_are_known() -> None:
    bitmap = PlanNode(type="Bitmap Index Scan", index="by_team", index_condition="(team_id = 1)", rows=80_000)
    node = scan("Bitmap Heap Scan", filter="(status = 'new'::text)", rows=10, children=(bitmap,))
    assert kinds(node) == ["filter-discards"]


@pytest.mark.parametrize(("team", "expected"), [("7", ["filter-discards"]), ("8", [])])
def test_rows_that_an_index_condition_is_expected_to_find_follow_the_statistics(
    team: str, expected: list[str]
) -> None:
    """Team 7 has half of all rows, each other one some 5,000."""
    node = scan(
        "Index Scan", index_condition=f"(team_id = '{team}'::bigint)", filter="(status = 'x'::text)", rows=10
    )
    assert kinds(node) == expected


# --- indexes that cannot be used ---


def test_an_operator_that_is_not_leakproof_is_named_for_a_bound_role() -> None:
    node = scan(rows=10, filter="((team_id = '9'::bigint) AND (custom @> '{}'::jsonb))")
    found = judged(node, WALLED, "app")[0]
    assert found.kind == "not-leakproof"
    assert "by_custom" in found.message
    assert "@> (jsonb_contains) is not leakproof" in found.message


@pytest.mark.parametrize("who", ["boss", "owner", None])
def test_no_policy_binds_superuser_and_owner(who: str | None) -> None:
    node = scan(rows=10, filter="(custom @> '{}'::jsonb)")
    assert "not-leakproof" not in kinds(node, WALLED, who)


def test_a_forced_policy_binds_the_owner() -> None:
    node = scan(rows=10, filter="(custom @> '{}'::jsonb)")
    forced = msgspec.structs.replace(WALLED.relations[0], rls_forced=True)
    assert "not-leakproof" in kinds(node, msgspec.structs.replace(WALLED, relations=(forced,)), "owner")


def test_the_policy_of_a_partitioned_table_binds_on_its_partitions() -> None:
    node = scan(rows=10, filter="(custom @> '{}'::jsonb)")
    parent = table(8, "all_leads", kind="p", rls_enabled=True)
    parted = msgspec.structs.replace(SNAPSHOT, relations=(LEADS, parent), inheritance=(Inheritance(1, 8),))
    assert "not-leakproof" in kinds(node, parted, "app")


def test_a_leakproof_operator_is_fine() -> None:
    assert "not-leakproof" not in kinds(scan(rows=10, filter="(team_id = '9'::bigint)"), WALLED, "app")


def test_no_index_is_proposed_that_the_policy_would_forbid() -> None:
    node = scan(rows=10, filter="((status = 'x'::text) AND (stage = 'won'::stage))")
    assert "(status, stage)" in judged(node)[0].remedy
    assert "(status)" in judged(node, WALLED, "app")[0].remedy


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("((created_at)::date = '2024-01-01'::date)", "cast to date"),
        ("(date_trunc('day'::text, created_at) = $1)", "given to date_trunc()"),
    ],
)
def test_a_column_that_is_changed_before_it_is_compared_misses_its_index(condition: str, said: str) -> None:
    found = {verdict.kind: verdict for verdict in judged(scan(rows=10, filter=condition))}
    assert said in found["index-missed"].message
    assert "by_time" in found["index-missed"].message
    assert found["sequential-scan"].remedy == "see the index that cannot be used"


def test_a_varchar_compared_as_text_misses_nothing() -> None:
    assert "index-missed" not in kinds(scan(rows=10, filter="((code)::text = 'x'::text)"))


# --- memory ---


def sort(**fields: Any) -> PlanNode:
    return PlanNode(type="Sort", children=(scan("Index Scan", rows=1),), **fields)


def test_a_sort_beyond_work_mem_is_expected_to_spill() -> None:
    roomy = msgspec.structs.replace(SNAPSHOT, settings=(setting("work_mem", "65536", unit="kB"),))
    node = sort(rows=100_000, width=40)
    (found,) = judged(node)
    assert found.message == "the sort is expected to spill: 6.1 MB for 100,000 rows, work_mem is 4.0 MB"
    assert kinds(node, roomy) == []


def test_a_shared_hash_table_holds_the_rows_of_all_and_their_memory() -> None:
    below = PlanNode(type="Hash", rows=200_000, width=40, parallel=True)
    (found,) = judged(PlanNode(type="Gather", workers_planned=2, children=(below,)))
    assert "for 480,000 rows, hash memory is 24.0 MB" in found.message
    few = msgspec.structs.replace(below, rows=100_000)
    assert kinds(PlanNode(type="Gather", workers_planned=2, children=(few,))) == []


def test_the_roles_own_work_mem_counts() -> None:
    roles = (*SNAPSHOT.roles, role(40, "batch", "work_mem=64MB"))
    assert kinds(sort(rows=100_000, width=40), msgspec.structs.replace(SNAPSHOT, roles=roles), "batch") == []


def test_a_sort_of_which_few_rows_are_wanted_stays_in_memory() -> None:
    assert kinds(PlanNode(type="Limit", rows=10, children=(sort(rows=100_000, width=40),))) == []


@pytest.mark.parametrize(
    "node",
    [
        PlanNode(type="Hash", rows=200_000, width=40),
        PlanNode(type="Aggregate", strategy="Hashed", rows=200_000, width=40),
        sort(
            rows=10, sort_method="external merge", sort_space=9_000, sort_space_type="Disk", actual_rows=10.0
        ),
        PlanNode(type="Hash", rows=10, hash_batches=8, actual_rows=10.0),
        PlanNode(type="Aggregate", strategy="Hashed", rows=10, disk_usage=9_000, actual_rows=10.0),
    ],
)
def test_what_spills(node: PlanNode) -> None:
    assert kinds(node) == ["spill"]


@pytest.mark.parametrize(
    "node",
    [
        PlanNode(type="Hash", rows=50_000, width=40),
        PlanNode(type="Hash", rows=200_000, width=40, hash_batches=1, actual_rows=200_000.0),
        sort(rows=200_000, width=40, sort_space_type="Memory", actual_rows=200_000.0),
        PlanNode(type="Aggregate", strategy="Sorted", rows=200_000, width=40),
    ],
)
def test_what_does_not(node: PlanNode) -> None:
    assert kinds(node) == []


# --- what was counted ---


def counted(expected: float, actual: float, *children: PlanNode, **fields: Any) -> PlanNode:
    return PlanNode(
        **({"type": "Hash Join"} | fields), rows=expected, actual_rows=actual, loops=1.0, children=children
    )


def test_an_estimate_that_is_off_is_told_where_it_begins() -> None:
    below = counted(
        10, 5_000, type="Index Scan", relation="leads", index_condition="((team_id = 1) AND (id = 2))"
    )
    (found,) = judged(counted(10, 9_000, below))
    assert (found.kind, found.path) == ("estimate-off", (0,))
    assert found.message == "10 rows expected, 5,000 counted: 500 times off"
    assert "CREATE STATISTICS ON team_id, id FROM public.leads" in found.remedy


@pytest.mark.parametrize(("expected", "actual"), [(100, 999), (1, 50), (999, 100), (0, 0)])
def test_an_estimate_within_ten_times_or_of_few_rows_is_fine(expected: float, actual: float) -> None:
    assert kinds(counted(expected, actual)) == []


def test_rows_that_nobody_asked_for_are_no_error() -> None:
    assert kinds(counted(10, 10, counted(50_000, 10), type="Limit")) == []
    assert kinds(counted(10, 10, counted(50_000, 10), type="Sort")) == ["estimate-off"]


def test_the_inner_side_of_a_nested_loop_that_runs_often() -> None:
    inner = scan("Index Scan", index="by_team", rows=1)
    (found,) = judged(PlanNode(type="Nested Loop", rows=1, children=(scan("Index Scan", rows=50_000), inner)))
    assert found.kind == "many-loops"
    assert found.message == (
        "its inner side, Index Scan using by_team on leads, is expected to run 50,000 times"
    )
    few = PlanNode(type="Nested Loop", rows=1, children=(scan("Index Scan", rows=500), inner))
    assert kinds(few) == []


def test_fetches_of_an_index_only_scan() -> None:
    node = scan("Index Only Scan", rows=5_000, actual_rows=5_000.0, loops=1.0, heap_fetches=4_000)
    (found,) = judged(node)
    assert found.kind == "heap-fetches"
    assert "VACUUM public.leads" in found.remedy
    assert kinds(msgspec.structs.replace(node, heap_fetches=100)) == []


def test_a_table_that_is_hardly_visible_has_fetches_to_expect() -> None:
    stale = msgspec.structs.replace(LEADS, all_visible_pages=1_000)
    node = scan("Index Only Scan", rows=50_000)
    assert kinds(node, msgspec.structs.replace(SNAPSHOT, relations=(stale,))) == ["heap-fetches"]
    assert kinds(node) == []


def test_a_recheck_that_throws_away_most() -> None:
    node = scan("Bitmap Heap Scan", rows=900, actual_rows=900.0, loops=1.0, removed_by_recheck=5_000.0)
    assert "lossy for this condition" in judged(node)[0].remedy
    assert "work_mem" in judged(msgspec.structs.replace(node, lossy_blocks=300))[0].remedy
    assert kinds(msgspec.structs.replace(node, removed_by_recheck=500.0)) == []


def test_a_name_in_two_schemas_is_not_guessed() -> None:
    twice = (*SNAPSHOT.relations, table(9, "leads", schema="other", rows=5.0))
    node = scan(rows=40, filter="(team_id = '9'::bigint)")
    assert kinds(node, msgspec.structs.replace(SNAPSHOT, relations=twice)) == []
