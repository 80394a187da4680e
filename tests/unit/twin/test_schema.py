"""The statements that make a snapshot's schema: complete, quoted, in an order in which they can run."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.model.relations import Collation, Inheritance, Policy, Schema, Type, View
from tenfold.model.roles import Function, Membership
from tenfold.model.snapshot import Snapshot
from tenfold.twin.schema import Step, schema_stages
from tenfold.twin.schema.write import role_steps
from tests.unit.rules.build import DATABASE, SERVER, column, constraint, role, table


def snapshot(**fields: object) -> Snapshot:
    return Snapshot(server=SERVER, database=DATABASE, **fields)  # type: ignore[arg-type]  # any field


def steps(stage: str, **fields: object) -> tuple[Step, ...]:
    return next(found.steps for found in schema_stages(snapshot(**fields)) if found.name == stage)


def function(name: str, **fields: object) -> Function:
    whole = Function(
        oid=900,
        schema="app",
        name=name,
        arguments="wanted integer",
        result="integer",
        owner=10,
        language="v8",
        kind="f",
        volatility="s",
        security_definer=False,
        leakproof=False,
        definition="CREATE FUNCTION of the source",
    )
    return msgspec.structs.replace(whole, **fields)


def test_columns_keep_what_plans_depend_on() -> None:
    (step,) = steps(
        "tables",
        relations=(table(1, 'Odd "name"'),),
        columns=(
            column(1, 2, "order", "integer", default="7"),
            column(1, 3, "name", "text", collation="numbers", collation_schema="App", not_null=False),
            column(1, 4, "c", "text", collation="C", not_null=False),
            column(1, 5, "sum", "integer", default="(a + 1)", generated="v", not_null=False),
            column(1, 6, "kept", "integer", default="(a + 2)", generated="s", not_null=False),
        ),
        constraints=(
            constraint(1, "c", 2, name="old", definition="CHECK (a > 0) NOT VALID", validated=False),
            constraint(1, "p", 2, name="key", definition='PRIMARY KEY ("order")'),
            constraint(1, "f", 2, name="fk", definition="FOREIGN KEY (a) REFERENCES b(a)"),
        ),
    )
    assert step.sql == (
        'CREATE TABLE public."Odd ""name""" ("order" integer DEFAULT 7 NOT NULL,'
        ' name text COLLATE "App".numbers, c text COLLATE "C",'
        " sum integer GENERATED ALWAYS AS ((a + 1)) VIRTUAL,"
        " kept integer GENERATED ALWAYS AS ((a + 2)) STORED,"
        " CONSTRAINT old CHECK (a > 0) NOT ENFORCED,"
        ' CONSTRAINT key PRIMARY KEY ("order"))'
    )


def test_a_refused_table_is_tried_without_modifiers_before_it_loses_the_rest() -> None:
    (step,) = steps(
        "tables",
        relations=(table(1, "places"),),
        columns=(
            column(1, 1, "at", "public.geometry(Point,4326)"),
            column(1, 2, "name", "character varying(20)", default="'x'"),
        ),
    )
    without_modifiers, bare = step.instead
    assert "at public.geometry NOT NULL" in without_modifiers
    assert "name character varying(20) DEFAULT 'x'" in without_modifiers
    assert "DEFAULT" not in bare


def test_partitions_are_attached_from_the_deepest_up() -> None:
    relations = (
        table(1, "top", kind="p", partition_key="RANGE (at)"),
        table(2, "middle", kind="p", partition_key="HASH (id)", is_partition=True, partition_bound="DEFAULT"),
        table(3, "leaf", is_partition=True, partition_bound="FOR VALUES WITH (modulus 2, remainder 0)"),
        table(4, "child"),
    )
    links = (Inheritance(2, 1), Inheritance(3, 2), Inheritance(4, 3))
    assert [step.sql for step in steps("partitions", relations=relations, inheritance=links)] == [
        "ALTER TABLE public.child INHERIT public.leaf",
        "ALTER TABLE public.middle ATTACH PARTITION public.leaf FOR VALUES WITH (modulus 2, remainder 0)",
        "ALTER TABLE public.top ATTACH PARTITION public.middle DEFAULT",
    ]
    assert "PARTITION BY RANGE (at)" in steps("tables", relations=relations)[0].sql


def test_views_come_after_those_that_they_read_even_in_circles() -> None:
    relations = tuple(table(oid, name, kind="v") for oid, name in ((1, "over"), (2, "under"), (3, "self")))
    views = (
        View(relation=1, definition="SELECT 1;", reads=(2,)),
        View(relation=2, definition="SELECT 2", reads=()),
        View(relation=3, definition="SELECT 3", reads=(3,)),
    )
    made = [step.makes for step in steps("views", relations=relations, views=views)]
    assert made == ["view public.under", "view public.over", "view public.self"]


def test_a_view_keeps_its_options_and_names() -> None:
    (step,) = steps(
        "views",
        relations=(table(1, "v", kind="v", options=("security_invoker=true", "security_barrier=on")),),
        columns=(column(1, 1, "How many"),),
        views=(View(relation=1, definition=" SELECT 1;"),),
    )
    assert step.sql == (
        'CREATE VIEW public.v ("How many") WITH (security_invoker=true, security_barrier=on) AS  SELECT 1'
    )


def test_a_function_stands_in_under_its_name_and_refuses_to_answer() -> None:
    (step,) = steps("functions", functions=(function("team", volatility="i", leakproof=True),))
    (stand_in,) = step.instead
    assert stand_in.startswith(
        "CREATE FUNCTION app.team(wanted integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE LEAKPROOF"
    )
    assert "RAISE EXCEPTION" in stand_in


def test_functions_of_ordinary_triggers_are_left_out() -> None:
    assert steps("functions", functions=(function("touch", result="trigger"),)) == ()


@pytest.mark.parametrize(
    ("command", "using", "check", "stands_in"),
    [
        ("*", "a", "b", "USING (tenfold_twin.missing_policy())"),
        ("a", None, "b", "WITH CHECK (tenfold_twin.missing_policy())"),
    ],
)
def test_a_refused_policy_stands_in_with_a_name_that_shows(
    command: str, using: str | None, check: str, stands_in: str
) -> None:
    policy = Policy(9, 1, "own", command, False, (20, 99), using, check)  # type: ignore[arg-type]  # literals
    (step,) = steps("policies", relations=(table(1, "leads"),), policies=(policy,), roles=(role(20, "App"),))
    assert step.sql.startswith("CREATE POLICY own ON public.leads AS RESTRICTIVE FOR ")
    assert 'TO "App"' in step.sql
    assert step.instead[0].endswith(stands_in)


def test_types_of_users() -> None:
    types = (
        Type(1, "app", "mood", "e", labels=("fine", "won't")),
        Type(2, "app", "email", "d", base="text", not_null=True, checks=("CHECK ((VALUE ~ '@'::text))",)),
        Type(3, "app", "pair", "c", attributes=("a integer", '"B" text')),
        Type(4, "app", "span", "r", subtype="double precision"),
        Type(5, "app", "spans", "m"),
        Type(6, "app", "theirs", "e", labels=("x",), extension="theirs"),
    )
    assert [step.sql for step in steps("types", types=types)] == [
        "CREATE TYPE app.mood AS ENUM ('fine', 'won''t')",
        "CREATE DOMAIN app.email AS text NOT NULL CHECK ((VALUE ~ '@'::text))",
        'CREATE TYPE app.pair AS (a integer, "B" text)',
        "CREATE TYPE app.span AS RANGE (subtype = double precision)",
    ]


def test_collations_and_what_stands_in_for_them() -> None:
    collations = (
        Collation(1, "app", "numbers", "i", False, "en-u-kn"),
        Collation(2, "app", "plain", "c", True, "C", "C"),
        Collation(3, "app", "theirs", "c", True, "C", "C", extension="x"),
    )
    numbers, plain = steps("collations", collations=collations)
    assert numbers.sql == (
        "CREATE COLLATION IF NOT EXISTS app.numbers"
        " (provider = icu, locale = 'en-u-kn', deterministic = false)"
    )
    assert "provider = libc" in numbers.instead[0]
    assert plain.sql.endswith("(provider = libc, lc_collate = 'C', lc_ctype = 'C')")


def test_collations_and_types_come_before_tables_and_policies_last() -> None:
    names = [stage.name for stage in schema_stages(snapshot(schemas=(Schema(1, "app", 10),)))]
    assert names.index("collations") < names.index("types") < names.index("tables") < names.index("views")
    assert names[-1] == "policies"


def test_roles_and_who_may_be_whom() -> None:
    whole = snapshot(
        roles=(role(20, "App"), role(21, "boss", bypass_rls=True), role(22, "pg_monitor")),
        memberships=(
            Membership(role=20, member=21, admin=False, inherits=False),
            Membership(role=99, member=21, admin=False),
        ),
    )
    assert [step.sql for step in role_steps(whole)] == [
        'CREATE ROLE "App" NOSUPERUSER NOBYPASSRLS INHERIT',
        "CREATE ROLE boss NOSUPERUSER BYPASSRLS INHERIT",
        'GRANT "App" TO boss WITH INHERIT FALSE, SET TRUE',
    ]
