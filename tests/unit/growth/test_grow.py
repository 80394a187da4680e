"""Growth of a small product made by hand: a tenant table, a table of its rows, and what they hold."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import UsageError
from tenfold.growth import by_table, grow, index_sizes, uniform
from tenfold.model.growth import ColumnHint, Growth
from tenfold.model.relations import (
    Column,
    ColumnStatistics,
    Constraint,
    Index,
    Inheritance,
    OperatorClass,
    Relation,
    Type,
)
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableTenancy, Tenancy
from tests.unit.rules.build import DATABASE, SERVER

TEAMS, LEADS, COUNTRIES, EMPTY = 100, 200, 300, 400
ID, TEAM, STATUS, CREATED, EMAIL, CITY = range(1, 7)
TENANCY = Tenancy(
    column="team_id",
    tenant_table=TEAMS,
    tenant_key="id",
    tables=(
        TableTenancy(TEAMS, "tenant_table", "told", column="id"),
        TableTenancy(LEADS, "tenant", "told", column="team_id"),
        TableTenancy(COUNTRIES, "shared", "told"),
        TableTenancy(EMPTY, "tenant", "told", column="team_id"),
    ),
)


def relation(oid: int, name: str, rows: float, pages: int, **more: Any) -> Relation:
    fields = {"size_bytes": pages * 8192, "all_visible_pages": pages, "kind": "r", **more}
    return Relation(
        oid=oid, schema="public", name=name, persistence="p", owner=10, rows=rows, pages=pages, **fields
    )


def column(oid: int, number: int, name: str, type_: str = "bigint", **more: Any) -> Column:
    kinds = {"bigint": (8, "d", "N"), "text": (-1, "i", "S"), "timestamp with time zone": (8, "d", "D")}
    length, alignment, category = kinds.get(type_, (-1, "i", "S"))
    return Column(
        relation=oid, number=number, name=name, type=type_, type_oid=more.pop("type_oid", 20), type_kind="b",
        type_category=category, not_null=more.pop("not_null", True), length=length, alignment=alignment,
        **more,
    )  # fmt: skip


def statistics(number: int, n_distinct: float, oid: int = LEADS, **more: Any) -> ColumnStatistics:
    fields = {"null_frac": 0.0, "avg_width": 8, "inherited": False, **more}
    return ColumnStatistics(relation=oid, number=number, n_distinct=n_distinct, **fields)


def index(oid: int, columns: tuple[int, ...], pages: int, tuples: float, **more: Any) -> Index:
    fields = {"relation": LEADS, "method": "btree", "unique": False, "primary": False, **more}
    return Index(
        oid=oid, name=f"i{oid}", columns=columns, key_count=len(columns), opclasses=(1,) * len(columns),
        option_bits=(0,) * len(columns), collations=(0,) * len(columns), exclusion=False, valid=True,
        ready=True, definition="", pages=pages, tuples=tuples, **fields,
    )  # fmt: skip


def product(teams: int = 4, leads: int = 5000) -> Snapshot:
    weights = [teams - position for position in range(teams)]
    shares = tuple(weight / sum(weights) for weight in weights)
    return Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(
            relation(TEAMS, "teams", teams, 1),
            relation(LEADS, "leads", leads, max(1, leads // 80), toast_bytes=leads),
            relation(COUNTRIES, "countries", 200, 2),
            relation(EMPTY, "jobs", 0, 0),
        ),
        columns=(
            column(TEAMS, 1, "id"),
            column(LEADS, ID, "id"),
            column(LEADS, TEAM, "team_id"),
            column(LEADS, STATUS, "status", "text"),
            column(LEADS, CREATED, "created_at", "timestamp with time zone", default="now()"),
            column(LEADS, EMAIL, "email", "text"),
            column(LEADS, CITY, "city", "text"),
            column(COUNTRIES, 1, "name", "text"),
            column(EMPTY, 1, "id"),
            column(EMPTY, 2, "team_id"),
            column(EMPTY, 3, "state", "text", default="'new'::text"),
            column(EMPTY, 4, "lead_id", not_null=False),
            column(EMPTY, 5, "kind", "job_kind", type_oid=900),
        ),
        types=(Type(oid=900, schema="public", name="job_kind", kind="e", labels=("call", "mail")),),
        statistics=(
            statistics(1, -1, TEAMS, histogram=("1", str(teams)), correlation=1.0),
            statistics(ID, -1, histogram=("1", str(leads // 2), str(leads)), correlation=1.0),
            statistics(
                TEAM, teams, common_values=tuple(str(n + 1) for n in range(teams)), common_frequencies=shares
            ),
            statistics(STATUS, 2, common_values=("new", "won"), common_frequencies=(0.9, 0.1), avg_width=4),
            statistics(
                CREATED, -1, histogram=("2024-01-01 00:00:00+00", "2024-01-11 00:00:00+00"), correlation=1.0
            ),
            statistics(EMAIL, -0.98, null_frac=0.02, avg_width=20),
            statistics(
                CITY, leads**0.5, avg_width=9, common_values=("Paris", "Oslo"), common_frequencies=(0.2, 0.1),
                histogram=("Aachen", "York"),
            ),
        ),
        operator_classes=(OperatorClass(1, "int8_ops", "btree", True, "bigint"),),
        indexes=(
            index(210, (ID,), max(2, leads // 366 + 3), leads, unique=True, primary=True),
            index(211, (TEAM,), max(2, leads // 1000 + 2), leads),
            index(212, (TEAM, CREATED), max(2, leads // 261 + 2), leads),
            index(213, (ID,), 2, leads / 10, predicate="(status = 'won'::text)"),
            index(214, (CITY,), 2, leads, method="hash"),
            index(215, (CREATED,), 3, leads, method="brin"),
            index(216, (1,), 2, teams, relation=TEAMS, unique=True, primary=True),
        ),
        constraints=(
            Constraint(1, LEADS, "fk", "f", (TEAM,), True, "", foreign_relation=TEAMS, foreign_columns=(1,)),
            Constraint(2, EMPTY, "fk2", "f", (4,), True, "", foreign_relation=LEADS, foreign_columns=(ID,)),
            Constraint(
                3, EMPTY, "c", "c", (3,), True,
                "CHECK ((state = ANY (ARRAY['new'::text, 'run'::text, 'done'::text])))",
            ),
        ),
    )  # fmt: skip


def of(snapshot: Snapshot, number: int, oid: int = LEADS) -> ColumnStatistics:
    found = snapshot.statistics_of(oid, number)
    assert found is not None
    return found


def grown(factor: float, tenants: float = 1.0, **fields: Any) -> Snapshot:
    snapshot = product()
    growth = uniform(snapshot, TENANCY, factor, tenants=tenants)
    return grow(snapshot, TENANCY, msgspec.structs.replace(growth, **fields)).snapshot


# --- what holds for every size ---

teams_and_rows = st.tuples(st.integers(1, 60), st.integers(60, 3_000_000))


@given(teams_and_rows)
def test_factor_one_changes_nothing(size: tuple[int, int]) -> None:
    snapshot = product(*size)
    assert grow(snapshot, TENANCY, uniform(snapshot, TENANCY, 1)).snapshot == snapshot


@given(teams_and_rows, st.floats(0.01, 1e5), st.floats(0.1, 1e4))
def test_frequencies_and_distinct_values_stay_within_the_rows(
    size: tuple[int, int], factor: float, tenants: float
) -> None:
    snapshot = product(*size)
    after = grow(snapshot, TENANCY, uniform(snapshot, TENANCY, factor, tenants=tenants)).snapshot
    for row in after.statistics:
        rows = after.relation_by_oid[row.relation].rows
        assert math.fsum(row.common_frequencies or ()) + row.null_frac <= 1 + 1e-9
        assert -1 <= row.n_distinct <= rows
        assert len(row.common_frequencies or ()) == len(row.common_values or ())


@given(teams_and_rows, st.floats(1, 1e5), st.floats(1, 1e4))
def test_the_largest_tenants_stay_the_largest(size: tuple[int, int], factor: float, tenants: float) -> None:
    snapshot = product(*size)
    after = grow(snapshot, TENANCY, uniform(snapshot, TENANCY, factor, tenants=tenants)).snapshot
    left = of(after, TEAM).common_values or ()
    assert left == (of(snapshot, TEAM).common_values or ())[: len(left)]
    shares = of(after, TEAM).common_frequencies or ()
    assert list(shares) == sorted(shares, reverse=True)


@given(teams_and_rows, st.floats(0.01, 1e4), st.floats(1, 100))
def test_more_rows_never_take_less_room(size: tuple[int, int], factor: float, more: float) -> None:
    snapshot = product(*size)
    one, other = (
        grow(snapshot, TENANCY, uniform(snapshot, TENANCY, each)).snapshot for each in (factor, factor * more)
    )
    for less, greater in zip(one.relations, other.relations, strict=True):
        assert (less.rows, less.pages) <= (greater.rows, greater.pages)
        assert less.pages <= greater.pages
    for less_index, greater_index in zip(one.indexes, other.indexes, strict=True):
        assert less_index.pages <= greater_index.pages, less_index.oid


@given(st.floats(1, 1e6))
def test_index_sizes_of_any_size_are_whole(factor: float) -> None:
    for size in index_sizes(grown(factor)).values():
        assert size.pages >= 1
        assert 0 <= size.height <= 6


# --- kinds of columns ---


def test_a_unique_column_stays_unique_and_its_range_stretches() -> None:
    row = of(grown(10), ID)
    assert row.n_distinct == -1
    assert row.histogram is not None
    assert (row.histogram[0], int(row.histogram[-1])) == ("1", pytest.approx(50_000, rel=0.01))


def test_a_tenant_column_grows_with_the_tenants() -> None:
    assert of(grown(100, tenants=10), TEAM).n_distinct == 40
    assert of(grown(100), TEAM).n_distinct == 4


def test_the_largest_tenant_is_diluted_by_the_tenants_that_come() -> None:
    assert of(grown(100, tenants=10), TEAM).common_frequencies == pytest.approx((0.04, 0.03, 0.02, 0.01))


def test_new_tenants_have_a_range_behind_the_old_ones() -> None:
    bounds = of(grown(100, tenants=10), TEAM).histogram
    assert bounds is not None
    assert int(bounds[0]) == 5 and int(bounds[-1]) >= 39


def test_an_enumeration_stays() -> None:
    assert of(grown(1000), STATUS) == of(product(), STATUS)


def test_time_reaches_back_by_the_days_that_pass_unless_rows_leave_again() -> None:
    today = of(product(), CREATED).histogram or ()
    after = of(grown(10, days=20), CREATED).histogram or ()
    assert after[-1] == today[-1]
    assert date.fromisoformat(today[0][:10]) - date.fromisoformat(after[0][:10]) == timedelta(days=20)
    assert of(grown(10), CREATED).histogram == today
    assert of(grown(10, days=20, retained=frozenset({LEADS})), CREATED).histogram == today


def test_other_values_follow_heaps_law() -> None:
    row = of(grown(100), CITY)
    # 5,000 rows have their square root of values, and so have 500,000.
    assert row.n_distinct == pytest.approx(500_000**0.5, rel=0.01)
    assert row.common_frequencies == pytest.approx((0.02, 0.01), rel=0.01)


def test_values_that_rows_draw_alike_are_all_there_already() -> None:
    snapshot = product()
    alike = tuple(
        statistics(CITY, 500, histogram=("Aachen", "York")) if row.number == CITY else row
        for row in snapshot.statistics
    )
    snapshot = msgspec.structs.replace(snapshot, statistics=alike)
    after = grow(snapshot, TENANCY, uniform(snapshot, TENANCY, 100)).snapshot
    assert of(after, CITY).n_distinct == pytest.approx(500)


def test_nearly_unique_values_stay_a_share_of_the_rows() -> None:
    assert of(grown(100), EMAIL).n_distinct == -0.98


def test_a_hint_goes_before_every_law() -> None:
    hint = ColumnHint(distinct=50, values=("Rome",), frequencies=(0.5,), null_share=0.1)
    row = of(grown(100, hints={(LEADS, CITY): hint}), CITY)
    assert (row.n_distinct, row.common_values, row.common_frequencies, row.null_frac) == (
        50,
        ("Rome",),
        (0.5,),
        0.1,
    )


def test_a_foreign_key_sees_more_of_a_parent_that_stays() -> None:
    snapshot = product(teams=60, leads=60)
    few = msgspec.structs.replace(
        snapshot,
        statistics=tuple(
            statistics(TEAM, 38) if (row.relation, row.number) == (LEADS, TEAM) else row
            for row in snapshot.statistics
        ),
    )
    after = grow(few, TENANCY, uniform(few, TENANCY, 100)).snapshot
    assert 55 <= of(after, TEAM).n_distinct <= 60


def referring(rows: int, distinct: float, **more: Any) -> Snapshot:
    """Jobs of which each refers to one of 5,000 leads."""
    snapshot = product()
    return msgspec.structs.replace(
        snapshot,
        relations=(*snapshot.relations[:3], relation(EMPTY, "jobs", rows, max(1, rows // 50))),
        statistics=(*snapshot.statistics, statistics(4, distinct, EMPTY, **more)),
    )


def referred(snapshot: Snapshot, factor: float) -> float:
    """Leads that jobs refer to, as ANALYZE would say, where both grow by the factor."""
    growth = by_table(snapshot, {("public", "jobs"): factor, ("public", "leads"): factor})
    row = of(grow(snapshot, TENANCY, growth).snapshot, 4, EMPTY)
    rows = snapshot.relation_by_oid[EMPTY].rows * factor
    return row.n_distinct if row.n_distinct >= 0 else -row.n_distinct * rows


def test_children_that_each_have_a_parent_of_their_own_keep_it() -> None:
    assert referred(referring(2_000, -1.0), 10) == pytest.approx(20_000)


def test_children_that_choose_at_random_share_parents_as_chance_has_it() -> None:
    seen_today = 5_000 * (1 - math.exp(-2_000 / 5_000))
    assert referred(referring(2_000, seen_today), 10) == pytest.approx(10 * seen_today, rel=0.01)


def test_analyze_finds_too_few_values_in_a_table_larger_than_its_sample() -> None:
    seen_today = 5_000 * (1 - math.exp(-2))
    assert referred(referring(10_000, seen_today), 2) == pytest.approx(2 * seen_today, rel=0.01)
    assert referred(referring(10_000, seen_today), 100) < 0.9 * 100 * seen_today


def test_analyze_finds_fewer_still_where_equal_values_lie_together() -> None:
    seen_today = 5_000 * (1 - math.exp(-2))
    apart = referred(referring(10_000, seen_today), 1000)
    assert referred(referring(10_000, seen_today, correlation=1.0), 1000) < 0.8 * apart


def test_whole_numbers_between_two_bounds_do_not_outgrow_them() -> None:
    rest = product()
    snapshot = msgspec.structs.replace(
        rest,
        relations=(*rest.relations[:3], relation(EMPTY, "jobs", 8_000, 160)),
        columns=(*rest.columns, column(EMPTY, 6, "priority", "bigint")),
        statistics=(*rest.statistics, statistics(6, -0.7, EMPTY, histogram=("1", "5000", "9999"))),
    )
    growth = by_table(snapshot, {("public", "jobs"): 100})
    assert of(grow(snapshot, TENANCY, growth).snapshot, 6, EMPTY).n_distinct == 9999


# --- tables ---


def test_the_last_page_is_taken_to_be_half_full() -> None:
    snapshot = product()
    pages = snapshot.relation_by_oid[LEADS].pages
    assert grown(100).relation_by_oid[LEADS].pages == math.ceil(100 * (pages - 0.5))


def test_a_short_table_tells_between_which_densities_it_lies() -> None:
    rest = product()
    # By the width of its columns 226 rows fit on a page; with a third page begun it is 50 at most.
    snapshot = msgspec.structs.replace(
        rest, relations=(relation(TEAMS, "teams", 100, 3), *rest.relations[1:])
    )
    after = grow(snapshot, TENANCY, by_table(snapshot, {("public", "teams"): 100})).snapshot
    assert after.relation_by_oid[TEAMS].pages == 200


def test_a_partial_index_keeps_its_share() -> None:
    assert grown(10).index_by_oid[213].tuples == 5000


def test_lookups_stay_and_tenants_have_a_factor_of_their_own() -> None:
    after = grown(10, tenants=3)
    assert [each.rows for each in after.relations] == [12, 50_000, 200, 0]


def test_a_nearly_empty_page_is_not_taken_for_a_full_one() -> None:
    snapshot = product(teams=2)
    after = grow(snapshot, TENANCY, by_table(snapshot, {("public", "teams"): 1000})).snapshot
    # 32 bytes and a line pointer a row: 226 rows a page, not 2.
    assert after.relation_by_oid[TEAMS].pages == math.ceil(2000 / 226)


def test_rows_of_a_partitioned_table_spread_as_they_lie() -> None:
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(
            relation(1, "events", -1, 0, kind="p"),
            relation(2, "events_1", 300, 10, is_partition=True),
            relation(3, "events_2", 100, 10, is_partition=True),
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 1)),
    )
    after = grow(snapshot, Tenancy(), Growth(rows={1: 4000})).snapshot
    assert [each.rows for each in after.relations] == [4000, 3000, 1000]


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_must_be_above_nothing(factor: float) -> None:
    with pytest.raises(UsageError, match="must be a number above 0"):
        uniform(product(), TENANCY, factor)
    with pytest.raises(UsageError, match="must be a number above 0"):
        by_table(product(), {("public", "leads"): factor})


def test_an_unknown_table_is_refused_with_its_neighbour() -> None:
    with pytest.raises(UsageError, match="did you mean leads"):
        by_table(product(), {("public", "lead"): 2})


def test_statistics_of_a_partitioned_table_grow_with_all_of_its_rows() -> None:
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(
            relation(1, "events", 400, -1, kind="p"),
            relation(2, "events_1", 300, 10, is_partition=True),
            relation(3, "events_2", 100, 10, is_partition=True),
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 1)),
        columns=(column(1, 1, "city", "text"), column(2, 1, "city", "text"), column(3, 1, "city", "text")),
        statistics=(
            statistics(
                1,
                20,
                1,
                inherited=True,
                common_values=("Oslo",),
                common_frequencies=(0.4,),
                histogram=("a", "z"),
            ),
            statistics(1, 10, 2),
        ),
    )
    after = grow(snapshot, Tenancy(), Growth(rows={1: 40_000})).snapshot
    # 400 rows have their square root of values.
    assert of(after, 1, 1).n_distinct == pytest.approx(200)
    assert after.relation_by_oid[1].pages == -1


def test_a_table_never_analysed_has_the_rows_that_its_length_has_room_for() -> None:
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(relation(1, "notes", -1, 0, size_bytes=10 * 8192),),
        columns=(column(1, 1, "id"),),
    )
    # 32 bytes and a line pointer a row: 226 rows a page.
    assert uniform(snapshot, Tenancy(), 3).rows == {1: 3 * 2260}


def test_ranks_of_a_redacted_snapshot_are_not_stretched() -> None:
    snapshot = msgspec.structs.replace(product(), redacted=True)
    after = grow(snapshot, TENANCY, uniform(snapshot, TENANCY, 10)).snapshot
    assert of(after, ID).histogram == of(snapshot, ID).histogram


def test_a_reference_through_a_composite_key_grows_with_its_parent() -> None:
    snapshot = product()
    snapshot = msgspec.structs.replace(
        snapshot,
        relations=(*snapshot.relations[:3], relation(EMPTY, "jobs", 1000, 10)),
        indexes=(index(220, (TEAM, ID), 20, 5000, unique=True),),
        constraints=(
            Constraint(
                9, EMPTY, "fk", "f", (2, 4), True, "", foreign_relation=LEADS, foreign_columns=(TEAM, ID)
            ),
        ),
        statistics=(*snapshot.statistics, statistics(4, 100, EMPTY)),
    )
    tenancy = msgspec.structs.replace(TENANCY, tables=TENANCY.tables[:3])
    both = by_table(snapshot, {("public", "jobs"): 10, ("public", "leads"): 10})
    alone = by_table(snapshot, {("public", "jobs"): 10})
    assert of(grow(snapshot, tenancy, both).snapshot, 4, EMPTY).n_distinct == pytest.approx(1000, rel=0.01)
    assert of(grow(snapshot, tenancy, alone).snapshot, 4, EMPTY).n_distinct == pytest.approx(100, rel=0.01)


# --- assumptions ---


def test_an_empty_table_gets_statistics_from_what_is_declared() -> None:
    result = grow(product(), TENANCY, Growth(rows={EMPTY: 100_000}))
    said = {each.column: each.text for each in result.assumptions if each.relation == EMPTY}
    assert of(result.snapshot, 2, EMPTY).n_distinct == 4
    assert of(result.snapshot, 3, EMPTY).common_values == ("new", "run", "done")
    assert of(result.snapshot, 3, EMPTY).common_frequencies == (0.5, 0.25, 0.25)
    assert of(result.snapshot, 4, EMPTY).null_frac == 0.2
    assert of(result.snapshot, 4, EMPTY).n_distinct == pytest.approx(5000, rel=0.01)
    assert of(result.snapshot, 5, EMPTY).common_values == ("call", "mail")
    assert said[5] == "kind: 2 values alike in number, from the enumeration"
    assert said[None] == "no rows today, so its statistics are taken from types, keys, checks and names"
    assert result.snapshot.relation_by_oid[EMPTY].pages > 500


def test_what_statistics_tell_is_not_assumed() -> None:
    result = grow(product(), TENANCY, Growth(rows={LEADS: 50_000}))
    assert result.assumptions == ()
