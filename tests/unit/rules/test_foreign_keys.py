"""What a foreign key may refer to, and what a new one is called."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.model.relations import Inheritance
from tenfold.model.remedy import Table
from tenfold.rules.foreign_keys import (
    every_column_is_set,
    free_constraint_name,
    is_key,
    parts_with_keys,
)
from tests.unit.rules.build import column, constraint, index, subject, table


def test_a_unique_index_on_just_these_columns_is_a_target() -> None:
    snapshot = subject(indexes=(index(1, 2, 1, unique=True),)).snapshot
    assert is_key(snapshot, 1, frozenset((1, 2)))
    assert not is_key(snapshot, 1, frozenset((2,)))
    assert not is_key(snapshot, 1, frozenset((1, 2, 3)))


@pytest.mark.parametrize("fault", [{"unique": False}, {"valid": False}, {"predicate": "(read)"}])
def test_an_index_that_proves_no_uniqueness_of_all_rows_is_none(fault: dict[str, Any]) -> None:
    snapshot = subject(indexes=(index(1, 1, **({"unique": True} | fault)),)).snapshot
    assert not is_key(snapshot, 1, frozenset((1,)))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_deferrable_constraint_is_no_target(deferrable: bool) -> None:
    snapshot = subject(
        indexes=(index(1, 1, unique=True, constraint=5),),
        constraints=(constraint(1, "u", 1, oid=5, deferrable=deferrable),),
    ).snapshot
    assert is_key(snapshot, 1, frozenset((1,))) is not deferrable


def test_one_nullable_column_lets_rows_escape() -> None:
    snapshot = subject(columns=(column(1, 1, "a"), column(1, 2, "b", not_null=False))).snapshot
    assert every_column_is_set(snapshot, constraint(1, "f", 1))
    assert not every_column_is_set(snapshot, constraint(1, "f", 1, 2))


def test_a_new_key_is_named_as_the_server_would_and_numbered_where_that_is_taken() -> None:
    made = subject(constraints=(constraint(1, "f", 1, name="messages_team_id_fkey"),))
    assert free_constraint_name(made, table(1, "messages"), "lead_id") == "messages_lead_id_fkey"
    assert free_constraint_name(made, table(1, "messages"), "team_id") == "messages_team_id_fkey_1"


def test_a_partitioned_table_names_the_parts_that_hold_rows() -> None:
    made = subject(
        relations=(
            table(1, kind="p"),
            table(2, kind="p", is_partition=True),
            table(3, is_partition=True),
            table(4, is_partition=True),
            table(5, kind="f", is_partition=True),
        ),
        inheritance=(Inheritance(2, 1), Inheritance(3, 2), Inheritance(4, 1), Inheritance(5, 1)),
    )
    assert parts_with_keys(made, made.snapshot.relations[0]) == (Table("public", "t3"), Table("public", "t4"))
    assert parts_with_keys(made, made.snapshot.relations[2]) == ()
