"""Names of new indexes: `idx_<table>_<columns>`, never too long, never taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold.model.ddl import IDENTIFIER_BYTES
from tenfold.model.remedy import CreateIndex, Key, Table
from tests.unit.migrate.schema import Made, by_verb, found, wish
from tests.unit.rules.build import table

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=63)


def names_of(made: Made, *wishes: CreateIndex) -> list[str]:
    result = made.plan(
        *(found("rule", each.table.name, each, detail=str(n)) for n, each in enumerate(wishes))
    )
    return [change.index[1] for change in by_verb(result, "create-index") if change.index]


def test_the_name_is_made_of_table_and_columns() -> None:
    made = Made()
    made.table("messages", "team_id bigint", "status text")
    assert names_of(made, wish("messages", "team_id", "status")) == ["idx_messages_team_id_status"]


def test_long_names_are_cut_to_what_the_server_keeps() -> None:
    made = Made()
    long = "o" * 60
    made.table(long, "team_id bigint", "status text")
    made.table(f"{long}ooo", "team_id bigint")
    names = names_of(made, wish(long, "team_id"), wish(long, "status"), wish(f"{long}ooo", "team_id"))
    assert sorted(names) == [f"idx_{'o' * 57}_1", f"idx_{'o' * 57}_2", f"idx_{'o' * 59}"]


def test_names_of_tables_sequences_and_indexes_of_the_schema_are_taken() -> None:
    made = Made()
    made.table("messages", "team_id bigint", "status text")
    made.table("idx_messages_team_id", "id bigint")
    other = made.table("other", "id bigint")
    made.index(other, "idx_messages_team_id_1", "id")
    made.table("idx_messages_status", "id bigint", schema="elsewhere")
    names = names_of(made, wish("messages", "team_id"), wish("messages", "status"))
    assert sorted(names) == ["idx_messages_status", "idx_messages_team_id_2"]


def test_schemas_do_not_share_names() -> None:
    made = Made()
    made.table("messages", "team_id bigint", schema="one")
    made.table("messages", "team_id bigint", schema="two")
    wishes = [
        CreateIndex(table=Table(schema, "messages"), keys=(Key(column="team_id"),))
        for schema in ("one", "two")
    ]
    assert names_of(made, *wishes) == ["idx_messages_team_id"] * 2


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_any_names_give_names_that_fit_and_differ(tables: list[str]) -> None:
    made = Made()
    for name in tables:
        made.table("t", "team_id bigint")
        made.relations[-1] = table(made.relations[-1].oid, name)
    names = names_of(made, *(wish(name, "team_id") for name in tables))
    assert len(set(names)) == len(tables)
    assert all(len(name.encode()) <= IDENTIFIER_BYTES for name in names)
