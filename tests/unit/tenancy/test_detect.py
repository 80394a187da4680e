"""What evidence weighs, on hand-made catalogs; schemas as people write them are in tests/db/tenancy."""

from __future__ import annotations

import pytest

from tenfold.model.config import TenancyConfig
from tenfold.model.relations import Column, Constraint, Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.tenancy.detect import find_tenancy
from tests.unit.rules.build import DATABASE, SERVER

#: What a table has besides its id: (column, the table that a foreign key of it leads to).
Keys = list[tuple[str, str | None]]


def snapshot(schema: dict[str, Keys], *, type_: str = "bigint", not_null: bool = True) -> Snapshot:
    """Tables with an `id` and these keys, in schema public."""
    oids = {name: 100 + position for position, name in enumerate(schema)}
    category = "S" if type_ == "text" else "N"
    columns, constraints = [], []
    for name, keys in schema.items():
        oid = oids[name]
        columns.append(Column(oid, 1, "id", type_, 20, "b", category, True))
        for number, (column, target) in enumerate(keys, start=2):
            columns.append(Column(oid, number, column, type_, 20, "b", category, not_null))
            if target is not None:
                end = (oids[target], (1,))
                key = 10_000 + len(constraints)
                constraints.append(Constraint(key, oid, f"{name}_{column}", "f", (number,), True, "", *end))
    return Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=tuple(Relation(oid, "public", name, "r", "p", 10, 0, 0, 0) for name, oid in oids.items()),
        columns=tuple(columns),
        constraints=tuple(constraints),
    )


def many(count: int, *keys: tuple[str, str | None]) -> dict[str, Keys]:
    return {f"t{number}": list(keys) for number in range(count)}


def detect(schema: dict[str, Keys]) -> Tenancy:
    return find_tenancy(snapshot(schema))


@pytest.mark.parametrize(
    ("column", "having", "of", "found"),
    [
        # a name that says all: a seventh of the tables
        ("tenant_id", 2, 13, True),
        ("tenant_id", 2, 14, False),
        ("tenant_id", 1, 2, False),
        # one that says something: three in five, or what hangs on it
        ("account_id", 3, 5, True),
        ("account_id", 2, 4, False),
        # one that buyers have too: nearly all
        ("customer_id", 9, 10, True),
        ("customer_id", 8, 10, False),
        # a person never
        ("user_id", 10, 10, False),
    ],
)
def test_the_less_a_name_says_the_more_tables_it_takes(
    column: str, having: int, of: int, found: bool
) -> None:
    schema = many(having, (column, None)) | {f"other{number}": [] for number in range(of - having)}
    assert (detect(schema).column == column) is found


@pytest.mark.parametrize(("keyed", "found"), [(10, True), (8, True), (7, False), (0, False)])
def test_an_unknown_name_takes_foreign_keys_too(keyed: int, found: bool) -> None:
    schema: dict[str, Keys] = {"guilds": []}
    schema |= {f"t{number}": [("guild_id", "guilds" if number < keyed else None)] for number in range(10)}
    assert (detect(schema).column == "guild_id") is found


def test_what_hangs_on_the_tenant_by_foreign_keys_counts() -> None:
    """A column on a quarter of the tables, and most of the others are their children."""
    schema: dict[str, Keys] = {"companies": []}
    schema |= many(3, ("company_id", "companies"))
    schema |= {f"child{number}": [("t0_id", "t0")] for number in range(5)}
    schema |= {f"shared{number}": [] for number in range(4)}
    assert detect(schema).column == "company_id"
    del schema["child0"], schema["child1"], schema["child2"]
    assert detect(schema).column is None


def test_the_table_behind_the_column_is_not_counted_against_it() -> None:
    """In `stores` the key may be called store_id as well; the other tables decide."""
    tenancy = detect({"stores": [("store_id", None)], **many(3, ("store_id", None)), "a": [], "b": []})
    assert tenancy.column == "store_id"
    assert tenancy.tenant_table == 100
    assert tenancy.evidence[0] == "store_id is on 3 of 6 tables"


def test_of_two_certain_names_the_one_on_more_tables_is_taken() -> None:
    few: dict[str, Keys] = {"x": [("workspace_id", None)], "y": [("workspace_id", None)]}
    assert detect(many(5, ("team_id", None)) | few).column == "team_id"


def test_two_that_are_inside_each_other_are_weighed() -> None:
    schema: dict[str, Keys] = {
        "teams": [("organization_id", "organizations")],
        "organizations": [("team_id", "teams")],
    }
    schema |= many(4, ("organization_id", "organizations"), ("team_id", "teams"))
    schema |= {"more": [("team_id", "teams")]}
    assert detect(schema).column == "team_id"


def test_a_certain_name_may_lead_to_people() -> None:
    """Where each user is a tenant and the column says so."""
    assert detect({"users": [], **many(3, ("tenant_id", "users"))}).column == "tenant_id"
    assert detect({"users": [], **many(3, ("account_id", "users"))}).column is None


@pytest.mark.parametrize(
    ("type_", "found"), [("bigint", True), ("uuid", True), ("text", True), ("jsonb", False)]
)
def test_a_key_has_a_keys_type(type_: str, found: bool) -> None:
    assert (find_tenancy(snapshot(many(3, ("tenant_id", None)), type_=type_)).column is not None) is found


def test_words_are_no_key_unless_they_lead_somewhere() -> None:
    words = snapshot(many(3, ("organization", None)), type_="text")
    assert find_tenancy(words).column is None
    keys = snapshot({"organizations": [], **many(3, ("organization", "organizations"))}, type_="text")
    assert find_tenancy(keys).column == "organization"


def test_nothing_is_found_where_nothing_is() -> None:
    tenancy = detect({})
    assert (tenancy.column, tenancy.columns, tenancy.tables, tenancy.evidence) == (None, (), (), ())


def test_every_table_has_one_part_and_a_reason() -> None:
    schema: dict[str, Keys] = {
        "teams": [],
        **many(3, ("team_id", "teams")),
        "plans": [],
        "lines": [("t0_id", "t0")],
    }
    tenancy = detect(schema)
    assert [part.table_class for part in tenancy.tables] == [
        "tenant_table",
        *["tenant"] * 3,
        "shared",
        "child",
    ]
    assert all(part.why for part in tenancy.tables)
    assert tenancy.evidence == (
        "team_id is on 3 of 6 tables",
        "3 foreign keys lead from it to teams",
        "its name is one that tenant columns have",
    )


@pytest.mark.parametrize("not_null", [True, False])
def test_a_long_chain_of_keys_is_followed_to_its_end(not_null: bool) -> None:
    schema: dict[str, Keys] = {"teams": [], **many(2, ("team_id", "teams"))}
    schema |= {f"c{number}": [("above", f"c{number - 1}" if number else "t0")] for number in range(500)}
    tenancy = find_tenancy(snapshot(schema, not_null=not_null), TenancyConfig(columns=("team_id",)))
    assert tenancy.count("child") == 500
    assert max(len(part.path) for part in tenancy.tables) == 500
