"""Rows that `generate` makes for a small schema of every kind of tie: no server needed."""

from __future__ import annotations

import statistics
from collections import Counter
from random import Random

import msgspec
import pytest

from tenfold.bench.fill_spec import FillSpec
from tenfold.bench.generate import TableRows, apportion, generate, shares
from tenfold.errors import ConfigError
from tenfold.model.activity import Database, Server
from tenfold.model.relations import Column, Constraint, Index, Relation, Sequence, Type
from tenfold.model.snapshot import Snapshot

MOOD = 900
TYPES = {"bigint": "N", "integer": "N", "text": "S", "jsonb": "U", "mood": "E"}

#: Table: its columns as `name type [!] [= default]`, an exclamation mark being NOT NULL.
TABLES = {
    "teams": [
        "id bigint ! = nextval('teams_id_seq'::regclass)",
        "name text !",
        "plan text ! = 'trial'::text",
    ],
    "campaigns": ["id text ! = (gen_random_uuid())::text", "team_id bigint !", "mood mood !"],
    "leads": [
        "id text ! = (gen_random_uuid())::text",
        "team_id bigint !",
        "email text",
        "status text !",
        "code text",
        "created_at timestamp with time zone ! = now()",
        "answered_at timestamp with time zone",
    ],
    "messages": [
        "id bigint ! = nextval('messages_id_seq'::regclass)",
        "team_id bigint !",
        "lead_id text !",
        "campaign_id text",
        "body text !",
    ],
    "inbox": [
        "id text ! = (gen_random_uuid())::text",
        "team_id bigint",
        "message_id bigint !",
        "lead_id text !",
    ],
    "executions": ["id text ! = (gen_random_uuid())::text", "campaign_id text !", "lead_id text"],
    "links": ["campaign_id text !", "lead_id text !", "team_id bigint !"],
    "notes": ["id text ! = (gen_random_uuid())::text", "team_id text !", "lead_ref text !", "parent_id text"],
}
FOREIGN_KEYS = [
    ("campaigns", ["team_id"], "teams", ["id"]),
    ("leads", ["team_id"], "teams", ["id"]),
    ("messages", ["team_id"], "teams", ["id"]),
    ("messages", ["lead_id"], "leads", ["id"]),
    ("messages", ["campaign_id", "team_id"], "campaigns", ["id", "team_id"]),
    ("inbox", ["team_id"], "teams", ["id"]),
    ("inbox", ["message_id"], "messages", ["id"]),
    ("inbox", ["lead_id"], "leads", ["id"]),
    ("executions", ["campaign_id"], "campaigns", ["id"]),
    ("executions", ["lead_id"], "leads", ["id"]),
    ("links", ["campaign_id"], "campaigns", ["id"]),
    ("links", ["lead_id"], "leads", ["id"]),
    ("notes", ["parent_id"], "notes", ["id"]),
]
UNIQUES = [("leads", ["email"]), ("leads", ["team_id", "code"]), ("links", ["campaign_id", "lead_id"])]
SPEC = {
    "tenant_table": "teams",
    "tenant_column": "team_id",
    "tenants": 12,
    "window": ["2024-10-01", "2024-12-31"],
    "tables": {
        "campaigns": {"per_tenant": 2, "even": True},
        "leads": {
            "per_tenant": 60,
            "columns": {
                "code": {"choices": [str(number) for number in range(400)], "nulls": 0.2},
                "answered_at": {"after": "created_at", "range": [60, 120], "nulls": 0.5},
            },
        },
        "messages": {"per": "leads", "rows": 2, "columns": {"campaign_id": {"nulls": 0.3}}},
        "inbox": {"per": "messages", "each": 0.5},
        "executions": {"per": "leads", "rows": 1},
        "links": {"per": "campaigns", "rows": 30},
        "notes": {"per_tenant": 3, "columns": {"lead_ref": {"refers_to": "leads.id"}}},
    },
}


def snapshot(**last_values: int) -> Snapshot:
    oids = {name: 1000 + position for position, name in enumerate(TABLES)}
    columns, sequences = [], []
    for table, descriptions in TABLES.items():
        for number, text in enumerate(descriptions, start=1):
            left, _, default = text.partition(" = ")
            name, type_ = left.removesuffix(" !").split(" ", 1)
            kind = "e" if type_ == "mood" else "b"
            type_oid = MOOD if type_ == "mood" else 25
            columns.append(
                Column(
                    oids[table], number, name, type_, type_oid, kind, TYPES.get(type_, "D"),
                    left.endswith(" !"), default or None,
                )
            )  # fmt: skip
            if "nextval" in default:
                sequences.append(
                    Sequence(
                        len(columns), "public", f"{table}_id_seq", 1, "bigint", 1, 2**63 - 1, 1, False,
                        last_values.get(table), oids[table], number,
                    )
                )  # fmt: skip

    def numbers(table: str, names: list[str]) -> tuple[int, ...]:
        found = {column.name: column.number for column in columns if column.relation == oids[table]}
        return tuple(found[name] for name in names)

    constraints = [
        Constraint(
            i, oids[table], f"{table}_{i}_fkey", "f", numbers(table, here), True, "",
            oids[target], numbers(target, there),
        )
        for i, (table, here, target, there) in enumerate(FOREIGN_KEYS)
    ]  # fmt: skip
    constraints.append(Constraint(90, oids["teams"], "teams_pkey", "p", (1,), True, "PRIMARY KEY (id)"))
    check = "CHECK ((status = ANY (ARRAY['new'::text, 'won''t'::text])))"
    constraints.append(
        Constraint(91, oids["leads"], "leads_check", "c", numbers("leads", ["status"]), True, check)
    )
    uniques = [*UNIQUES, *((table, ["id"]) for table in TABLES if table != "links")]
    indexes = [
        Index(
            i, oids[table], f"index_{i}", "btree", numbers(table, names), len(names), (), (), (),
            True, False, False, True, True, "", 1, 0.0,
        )
        for i, (table, names) in enumerate(uniques)
    ]  # fmt: skip
    return Snapshot(
        server=Server(180000, "18.0", "2025-01-01", "2025-01-01", False, "me", True, True),
        database=Database(1, "d", 1, "UTF8", "C", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        relations=tuple(Relation(oid, "public", name, "r", "p", 1, -1.0, 0, 0) for name, oid in oids.items()),
        columns=tuple(columns),
        constraints=tuple(constraints),
        indexes=tuple(indexes),
        sequences=tuple(sequences),
        types=(Type(MOOD, "public", "mood", "e", ("glad", "sad")),),
    )


def spec(**changes: object) -> FillSpec:
    return msgspec.convert({**SPEC, **changes}, FillSpec)


def made(source: Snapshot | None = None, **options: float) -> dict[str, TableRows]:
    return {table.relation.name: table for table in generate(source or snapshot(), spec(), **options)}


def cells(table: TableRows, column: str) -> list[str]:
    position = table.columns.index(column)
    return [line.split("\t")[position] for line in table.lines]


def owner_of(table: TableRows, key: str = "id") -> dict[str, int]:
    return dict(zip(cells(table, key), table.tenants, strict=True))


def test_the_same_call_gives_the_same_rows() -> None:
    assert {name: table.lines for name, table in made().items()} == {
        name: table.lines for name, table in made().items()
    }


def test_another_seed_gives_other_rows() -> None:
    other = {table.relation.name: table for table in generate(snapshot(), spec(seed=2))}
    assert set(cells(other["leads"], "id")).isdisjoint(cells(made()["leads"], "id"))


def test_a_changed_hint_changes_one_column_only() -> None:
    tables = {**SPEC["tables"], "leads": {**SPEC["tables"]["leads"]}}
    hints = {**tables["leads"]["columns"], "status": {"choices": ["new"]}}
    tables["leads"]["columns"] = hints
    before = made()["leads"]
    after = next(t for t in generate(snapshot(), spec(tables=tables)) if t.relation.name == "leads")
    changed = [column for column in before.columns if cells(before, column) != cells(after, column)]
    assert changed == ["status"]


def test_parents_come_before_their_children() -> None:
    order = list(made())
    ties = [(table, target) for table, _, target, _ in FOREIGN_KEYS if table != target]
    assert all(order.index(target) < order.index(table) for table, target in [*ties, ("notes", "leads")])


@pytest.mark.parametrize(
    ("table", "column", "target"),
    [
        ("messages", "lead_id", "leads"),
        ("messages", "campaign_id", "campaigns"),
        ("inbox", "message_id", "messages"),
        ("inbox", "lead_id", "leads"),
        ("executions", "campaign_id", "campaigns"),
        ("executions", "lead_id", "leads"),
        ("links", "campaign_id", "campaigns"),
        ("links", "lead_id", "leads"),
        ("notes", "lead_ref", "leads"),
    ],
)
def test_a_reference_meets_a_row_of_the_same_tenant(table: str, column: str, target: str) -> None:
    tables = made()
    owners = owner_of(tables[target])
    found = [
        owners[value] == tenant
        for value, tenant in zip(cells(tables[table], column), tables[table].tenants, strict=True)
        if value != r"\N"
    ]
    assert found
    assert all(found)


@pytest.mark.parametrize("table", ["campaigns", "leads", "messages", "inbox", "links", "notes"])
def test_the_tenant_column_holds_the_rows_tenant(table: str) -> None:
    tables = made()
    keys = cells(tables["teams"], "id")
    assert cells(tables[table], "team_id") == [keys[tenant] for tenant in tables[table].tenants]


def test_a_row_takes_over_what_its_origin_refers_to() -> None:
    tables = made()
    lead_of = dict(zip(cells(tables["messages"], "id"), cells(tables["messages"], "lead_id"), strict=True))
    inbox = tables["inbox"]
    assert [lead_of[message] for message in cells(inbox, "message_id")] == cells(inbox, "lead_id")


def test_each_gives_no_parent_two_rows_where_it_is_a_share() -> None:
    tables = made()
    assert len(tables["inbox"].lines) == len(tables["messages"].lines) // 2
    assert max(Counter(cells(tables["inbox"], "message_id")).values()) == 1


@pytest.mark.parametrize(("table", "columns"), UNIQUES)
def test_unique_columns_are_unique_but_for_nulls(table: str, columns: list[str]) -> None:
    made_table = made()[table]
    keys = list(zip(*(cells(made_table, column) for column in columns), strict=True))
    full = [key for key in keys if r"\N" not in key]
    assert len(full) > len(keys) / 2
    assert len(set(full)) == len(full)


def test_nulls_do_not_count_as_duplicates() -> None:
    leads = made()["leads"]
    without_code = Counter(
        tenant for tenant, code in zip(leads.tenants, cells(leads, "code"), strict=True) if code == r"\N"
    )
    assert max(without_code.values()) > 1


def test_enums_and_checked_columns_hold_what_is_allowed() -> None:
    tables = made()
    assert set(cells(tables["campaigns"], "mood")) == {"glad", "sad"}
    assert set(cells(tables["leads"], "status")) == {"new", "won't"}


def test_a_constant_default_is_left_to_the_server() -> None:
    assert "plan" not in made()["teams"].columns


def test_a_self_reference_stays_null() -> None:
    assert set(cells(made()["notes"], "parent_id")) == {r"\N"}


def test_rows_arrive_in_order_of_time_and_tenants_mixed() -> None:
    leads = made()["leads"]
    arrived = cells(leads, "created_at")
    assert arrived == sorted(arrived)
    assert "2024-10-01" <= arrived[0] < arrived[-1] < "2025-01-01"
    assert leads.tenants != sorted(leads.tenants)


def test_a_time_after_another_keeps_its_delay() -> None:
    leads = made()["leads"]
    pairs = zip(cells(leads, "created_at"), cells(leads, "answered_at"), strict=True)
    assert all(then < after for then, after in pairs if after != r"\N")


def test_sequences_go_on_from_their_last_value() -> None:
    tables = made(snapshot(teams=7, messages=100))
    assert cells(tables["teams"], "id") == [str(key) for key in range(8, 20)]
    assert cells(tables["messages"], "id")[0] == "101"
    assert tables["messages"].highest == {"id": 100 + len(tables["messages"].lines)}


def test_a_second_fill_makes_other_rows() -> None:
    first, second = made()["leads"], made(snapshot(teams=12))["leads"]
    assert set(cells(first, "id")).isdisjoint(cells(second, "id"))
    assert set(cells(first, "email")).isdisjoint(cells(second, "email"))


def test_scale_leaves_even_tables_alone() -> None:
    small, large = made(), made(scale=3.0)
    assert len(large["campaigns"].lines) == len(small["campaigns"].lines) == 24
    assert len(large["notes"].lines) == pytest.approx(3 * len(small["notes"].lines), rel=0.25)


def test_the_number_of_tenants_can_be_replaced() -> None:
    assert len(made(tenants=3)["teams"].lines) == 3


def test_the_largest_tenant_is_many_times_the_median() -> None:
    counts = Counter(made(tenants=40)["leads"].tenants)
    assert max(counts.values()) > 10 * statistics.median(counts.values())
    assert len(counts) == 40


def test_shares_follow_zipf_and_add_up() -> None:
    parts = sorted(shares(5, 1.0, Random(1)), reverse=True)
    assert sum(parts) == pytest.approx(1.0)
    assert [parts[0] / part for part in parts] == pytest.approx([1, 2, 3, 4, 5])


def test_rows_are_apportioned_whole_and_nobody_goes_without() -> None:
    assert apportion(10, [0.55, 0.35, 0.1]) == [6, 3, 1]
    assert apportion(3, [0.98, 0.01, 0.01]) == [3, 1, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenant_table": "nations"}, "the database has 0 of that name"),
        ({"tables": {"ghosts": {"per_tenant": 1}}}, "table ghosts"),
        ({"tables": {"leads": {"per_tenant": 1, "columns": {"emial": {"nulls": 1}}}}}, "leads.emial"),
        ({"tables": {"leads": {"per_tenant": 1, "columns": {"answered_at": {"after": "email"}}}}}, "no time"),
        ({"tables": {"executions": {"per_tenant": 1}}}, "executions.campaign_id needs a row"),
        ({"tables": {"inbox": {"per": "messages", "rows": 1}}}, "inbox rows per messages"),
        ({"tenants": 0}, "at least one tenant"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        list(generate(snapshot(), spec(**changes)))
