"""Parameters are drawn from statistics: typical values for equality, tails for ranges, the tenant given."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.model.relations import ColumnStatistics
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.twin.parameters import largest_tenant, relation_named, sample_parameters
from tests.unit.rules.build import DATABASE, SERVER, column, table

LEADS, NOTES = 1, 2


def statistics(relation: int, number: int, **fields: object) -> ColumnStatistics:
    whole = ColumnStatistics(
        relation=relation, number=number, inherited=False, null_frac=0.0, avg_width=8, n_distinct=-1
    )
    return msgspec.structs.replace(whole, **fields)


SNAPSHOT = Snapshot(
    server=SERVER,
    database=DATABASE,
    relations=(
        table(LEADS, "leads", rows=1_000.0),
        table(NOTES, "notes", schema="app", rows=50.0),
    ),
    columns=(
        column(LEADS, 1, "id"),
        column(LEADS, 2, "team_id"),
        column(LEADS, 3, "status", "text"),
        column(LEADS, 4, "key", "uuid"),
        column(LEADS, 5, "unknown", "text"),
        column(NOTES, 1, "team_id"),
    ),
    statistics=(
        statistics(LEADS, 1, histogram=tuple(str(number) for number in range(101))),
        statistics(LEADS, 2, common_values=("17", "4"), common_frequencies=(0.4, 0.2)),
        statistics(
            LEADS,
            3,
            null_frac=0.2,
            common_values=("new", "open", "done"),
            common_frequencies=(0.3, 0.2, 0.1),
        ),
        statistics(LEADS, 4, histogram=("0", "1", "2")),
        statistics(NOTES, 1, common_values=("99",), common_frequencies=(0.9,)),
    ),
)
TENANCY = Tenancy(
    column="team_id",
    columns=("team_id",),
    tables=(
        TableTenancy(relation=LEADS, table_class="tenant", why="it has the column", column="team_id"),
        TableTenancy(relation=NOTES, table_class="tenant", why="it has the column", column="team_id"),
    ),
)


@pytest.mark.parametrize(
    ("statement", "drawn"),
    [
        ("SELECT * FROM leads WHERE id = $1", ("50",)),
        ("SELECT * FROM leads WHERE id > $1", ("90",)),
        ("SELECT * FROM leads WHERE id < $1", ("10",)),
        ("SELECT * FROM leads WHERE status = $1", ("open",)),  # of the middle row of those that are not null
        ("SELECT * FROM leads WHERE status LIKE $1", ("ope%",)),
        ("SELECT * FROM leads WHERE status = ANY($1)", ('{"new","open","done"}',)),
        ("SELECT * FROM leads WHERE team_id = $1 LIMIT $2 OFFSET $3", ("17", "50", "0")),
        ("SELECT * FROM leads WHERE team_id = ANY($1)", ('{"17"}',)),
        ("SELECT 1", ()),
    ],
)
def test_values_are_what_a_typical_call_would_pass(statement: str, drawn: tuple[str, ...]) -> None:
    assert sample_parameters(SNAPSHOT, TENANCY, statement, "17") == drawn


def test_where_one_has_nothing_to_be_drawn_from_there_are_none() -> None:
    statement = "SELECT * FROM leads WHERE id = $1 AND unknown = $2"
    assert sample_parameters(SNAPSHOT, TENANCY, statement, "17") is None


def test_the_largest_tenant_is_that_of_the_largest_table() -> None:
    assert largest_tenant(SNAPSHOT, TENANCY) == "17"


def test_of_a_redacted_snapshot_values_are_made_up() -> None:
    redacted = msgspec.structs.replace(SNAPSHOT, redacted=True)
    drawn = sample_parameters(redacted, TENANCY, "SELECT * FROM leads WHERE key = $1", None)
    assert drawn == ("00000000-0000-0000-0000-000000000001",)


def test_a_table_is_found_by_its_name_with_or_without_its_schema() -> None:
    for name in ("notes", "app.notes", '"notes"', 'app."notes"'):
        found = relation_named(SNAPSHOT, name)
        assert found is not None
        assert found.oid == NOTES
    assert relation_named(SNAPSHOT, "public.notes") is None
