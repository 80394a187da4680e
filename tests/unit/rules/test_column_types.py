"""Column types."""

from __future__ import annotations

import pytest

from tenfold.model.relations import Column, Inheritance, Relation, Type
from tenfold.rules.column_types import bare_type, largest_integer, retype, same_type
from tests.unit.rules.build import column, subject, table

DOMAIN = Type(oid=91, schema="public", name="team", kind="d", base="character varying(36)")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (column(1, 1, "a", "character varying(20)"), column(2, 1, "b", "character varying(40)")),
        (column(1, 1, "a", "text"), column(2, 1, "b", "character varying(40)")),
        (column(1, 1, "a", "team", type_oid=91, type_kind="d"), column(2, 1, "b", "text")),
    ],
)
def test_lengths_and_domains_and_varchar_make_no_other_type(one: Column, other: Column) -> None:
    assert same_type(subject(types=(DOMAIN,)).snapshot, one, other)


@pytest.mark.parametrize("other", ["integer", "numeric", "text"])
def test_types_that_need_a_cast_differ(other: str) -> None:
    assert not same_type(subject().snapshot, column(1, 1, "a", "bigint"), column(2, 1, "b", other))


def test_a_bare_type_keeps_what_is_no_length() -> None:
    assert bare_type("timestamp(3) with time zone") == "timestamp with time zone"
    assert bare_type("numeric(10,2)") == "numeric"


def test_the_largest_integer() -> None:
    assert [largest_integer(name) for name in ("smallint", "integer", "bigint", "numeric")] == [
        32_767,
        2_147_483_647,
        9_223_372_036_854_775_807,
        None,
    ]


def advice(relation: Relation, changed: Column) -> tuple[str, ...]:
    below = table(2, "below", kind="p", is_partition=True, partition_key="HASH (id)")
    snapshot = subject(relations=(relation, below), inheritance=(Inheritance(2, 1),)).snapshot
    return retype(snapshot, relation, changed, "bigint", "1")


def test_a_column_gets_another_type_by_one_statement() -> None:
    assert advice(table(1, "Logs"), column(1, 1, "id", "integer")) == (
        'ALTER TABLE public."Logs" ALTER COLUMN id TYPE bigint USING 1',
    )


@pytest.mark.parametrize("name", ["at", "Kind", "id"])
def test_a_column_of_a_partition_key_at_any_depth_does_not(name: str) -> None:
    partitioned = table(1, kind="p", partition_key='RANGE (at, lower("Kind"))')
    assert advice(partitioned, column(1, 1, name, "integer")) == ()


def test_a_name_that_is_part_of_another_is_no_partition_key() -> None:
    partitioned = table(1, kind="p", partition_key="RANGE (created_at)")
    assert advice(partitioned, column(1, 1, "at", "integer")) != ()


def test_a_generated_column_does_not_either() -> None:
    assert advice(table(1), column(1, 1, "id", "integer", generated="s")) == ()
