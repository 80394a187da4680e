"""What the embedded server lacks is said, stood in for, and no plan that needs it is taken for true."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tenfold.errors import NotPlannableError
from tenfold.model.snapshot import Extension, Snapshot
from tenfold.model.twin import NotCarried
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin
from tests.db.twin.conftest import Source

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def twin(rich: Source) -> Iterator[Twin]:
    with Twin(_of_another_world(rich.snapshot)) as twin:
        yield twin


@pytest.fixture(scope="module")
def scale(twin: Twin) -> Scale:
    return twin.scale()


def _of_another_world(snapshot: Snapshot) -> Snapshot:
    """As if columns were of a type, functions in a language, names sorted by a library that is not here."""
    leads = snapshot.relation_by_name["public", "leads"].oid
    return replace(
        snapshot,
        database=replace(snapshot.database, collation="xx_XX.UTF-8"),
        extensions=(*snapshot.extensions, Extension(99_999, "maps", "3.5", "public")),
        collations=tuple(
            replace(collation, provider="i", locale="de-u-co-phonebk", deterministic=False)
            if collation.name == "numbers"
            else collation
            for collation in snapshot.collations
        ),
        columns=tuple(
            replace(column, type="public.geography(Point,4326)")
            if (column.relation, column.name) == (leads, "note")
            else column
            for column in snapshot.columns
        ),
        functions=tuple(
            replace(function, definition=(function.definition or "").replace("LANGUAGE sql", "LANGUAGE v8"))
            if function.name in ("team", "domain_of")
            else function
            for function in snapshot.functions
        ),
        policies=tuple(
            replace(policy, using="nowhere.to_be_found(team_id)") if policy.name == "slow" else policy
            for policy in snapshot.policies
        ),
    )


def entry(twin: Twin, what: str) -> NotCarried:
    return next(entry for entry in twin.not_carried if entry.what == what)


def test_each_is_named_with_the_servers_reason(twin: Twin) -> None:
    assert 'extension "maps" is not available' in entry(twin, "extension maps").why
    assert entry(twin, "type public.geography").stand_in
    assert 'language "v8" does not exist' in entry(twin, "function app.team()").why
    assert entry(twin, "policy slow on public.rooms").stand_in
    assert entry(twin, "collation app.numbers").stand_in
    assert "xx_XX.UTF-8" in entry(twin, "collation xx_XX.UTF-8 of the database").why


def test_a_table_with_a_column_of_a_missing_type_keeps_everything_else(scale: Scale) -> None:
    plan = scale.explain("SELECT * FROM leads WHERE domain_name = 'c.example' AND code > '690'")
    assert plan.shape == "Bitmap Heap Scan on leads(Bitmap Index Scan on leads_code)"
    assert scale.refused_statistics == ["public.leads.note"]
    with pytest.raises(NotPlannableError, match="operator does not exist"):
        scale.explain("SELECT * FROM leads WHERE note = 'x'")


def test_a_collation_that_stands_in_is_not_by_bytes_either(scale: Scale) -> None:
    """An index of text serves LIKE only where the order is that of bytes."""
    assert scale.explain("SELECT * FROM leads WHERE code LIKE '30%'").root.type == "Seq Scan"
    assert scale.explain("SELECT * FROM leads WHERE city LIKE '30%'").root.type == "Seq Scan"


@pytest.mark.parametrize("schemas", ["public", "app, public"])
def test_a_plan_that_calls_a_function_of_a_missing_language_is_refused(scale: Scale, schemas: str) -> None:
    """Whatever the plan calls it: without its schema where the search path has that."""
    settings = {"search_path": schemas, "app.team_id": "3"}
    with pytest.raises(NotPlannableError, match=r"no true (one of|app\.)"):
        scale.explain("SELECT * FROM leads WHERE score > 90", role="rich_app", settings=settings)
    with pytest.raises(NotPlannableError, match=r"domain_of"):
        scale.explain("SELECT * FROM leads WHERE app.domain_of(email) = 'a.example'", settings=settings)


def test_the_planner_does_not_compute_with_a_stand_in(scale: Scale) -> None:
    """An immutable function of constants would vanish from the plan."""
    with pytest.raises(NotPlannableError, match=r"no true app\.domain_of"):
        scale.explain("SELECT * FROM leads WHERE city = app.domain_of('a@b')")


def test_a_plan_under_a_policy_that_was_refused_is_refused(scale: Scale) -> None:
    with pytest.raises(NotPlannableError, match="missing_policy"):
        scale.explain("SELECT * FROM rooms", role="rich_app")
    assert scale.explain("SELECT * FROM rooms").root.relation == "rooms"


def test_a_query_that_needs_none_of_it_is_planned(scale: Scale) -> None:
    assert scale.explain("SELECT * FROM buckets WHERE id = 5").root.relation == "buckets_2"


def test_a_value_that_the_server_cannot_read_costs_one_column_its_values(rich: Source) -> None:
    leads = rich.snapshot.relation_by_name["public", "leads"].oid
    score = rich.snapshot.column(leads, "score")
    assert score is not None
    broken = replace(
        rich.snapshot,
        statistics=tuple(
            replace(row, common_values=tuple("x" for _ in row.common_values or ()))
            if (row.relation, row.number) == (leads, score.number)
            else row
            for row in rich.snapshot.statistics
        ),
    )
    with Twin(broken) as twin:
        scale = twin.scale()
        assert scale.refused_statistics == ["public.leads.score"]
        rows = scale.explain("SELECT * FROM leads WHERE score = 5").root.rows
        assert rows == pytest.approx(12_000 / 97, abs=1)  # by the number of distinct values


def test_common_combinations_that_the_server_cannot_read_are_said_and_left_out(rich: Source) -> None:
    team = next(s for s in rich.snapshot.extended_statistics if s.name == "Leads city team")
    broken = replace(
        rich.snapshot,
        extended_statistics_data=tuple(
            replace(data, common_values=tuple("x" for _ in data.common_values or ()))
            if data.statistics == team.oid
            else data
            for data in rich.snapshot.extended_statistics_data
        ),
    )
    with Twin(broken) as twin:
        assert "invalid input" in entry(twin, 'data of statistics app."Leads city team"').why
        plan = twin.scale().explain("SELECT * FROM leads WHERE city = 'city 3' AND postcode = 'p31'")
        assert plan.root.rows == 240  # by the other object's
