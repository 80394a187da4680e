"""Which index serves what."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.model.activity import IndexBuild
from tenfold.model.relations import Index, Inheritance, Policy
from tenfold.model.snapshot import Snapshot
from tenfold.rules.coverage import (
    conjuncts,
    is_not_null_test,
    is_usable,
    leads_with,
    same_keys,
    serves_equality,
    tenant_cover,
)
from tests.unit.rules.build import DATABASE, SERVER, column, index, policy, table

TENANT = column(1, 2, "team_id")


def cover(*indexes: Index, policies: tuple[Policy, ...] = (), **fields: Any) -> str:
    relation = table(1, rls_enabled=bool(policies))
    snapshot = Snapshot(
        server=SERVER,
        database=DATABASE,
        relations=(relation,),
        columns=(column(1, 1, "id"), TENANT),
        indexes=indexes,
        policies=policies,
        **fields,
    )
    return tenant_cover(snapshot, relation, TENANT)


# --- one index ---


@pytest.mark.parametrize("fault", [{"valid": False}, {"ready": False}, {"predicate": "(read)"}])
def test_an_index_in_the_making_or_over_some_rows_is_not_usable(fault: dict[str, Any]) -> None:
    assert is_usable(index(1, 2))
    assert not is_usable(index(1, 2, **fault))


def test_an_index_leads_with_its_first_key_only() -> None:
    assert leads_with(index(1, 2, 1), 2)
    assert not leads_with(index(1, 1, 2), 2)
    assert not leads_with(index(1, 0, 2), 2), "an expression comes first"


def test_leading_keys_serve_equality_in_any_order() -> None:
    assert serves_equality(index(1, 2, 1, 3), (1, 2))
    assert serves_equality(index(1, 2, 1, 3), (2,))
    assert not serves_equality(index(1, 2, 1, 3), (1,))
    assert not serves_equality(index(1, 2, 1, 3), (2, 3))


def test_included_columns_are_no_keys() -> None:
    assert serves_equality(index(1, 2, 1, key_count=1), (2,))
    assert not serves_equality(index(1, 2, 1, key_count=1), (2, 1))


def test_a_hash_index_serves_its_one_column() -> None:
    assert serves_equality(index(1, 2, method="hash"), (2,))
    assert not serves_equality(index(1, 2, method="gin"), (2,))


@pytest.mark.parametrize("fault", [{"valid": False}, {"ready": False}, {"predicate": "(read)"}])
def test_an_unusable_index_serves_nothing(fault: dict[str, Any]) -> None:
    assert not serves_equality(index(1, 2, **fault), (2,))


def test_same_keys_compares_as_many_as_it_is_told() -> None:
    assert same_keys(index(1, 1, 2), index(1, 1, 3), 1)
    assert not same_keys(index(1, 1, 2), index(1, 1, 3), 2)


@pytest.mark.parametrize(
    "difference",
    [{"method": "hash"}, {"opclasses": (9,)}, {"collations": (9,)}, {"option_bits": (1,)}],
)
def test_keys_differ_by_more_than_their_columns(difference: dict[str, Any]) -> None:
    assert same_keys(index(1, 1), index(1, 1), 1)
    assert not same_keys(index(1, 1), index(1, 1, **difference), 1)


def test_expressions_are_never_the_same_keys() -> None:
    assert not same_keys(index(1, 0), index(1, 0), 1)


# --- conditions ---


@pytest.mark.parametrize(
    ("expression", "name"),
    [("(team_id IS NOT NULL)", "team_id"), ('("Team" IS NOT NULL)', "Team"), ('("a""b" IS NOT NULL)', 'a"b')],
)
def test_a_null_test_is_known_by_how_the_server_writes_it(expression: str, name: str) -> None:
    assert is_not_null_test(expression, name)


@pytest.mark.parametrize(
    "expression",
    ["(team_id IS NULL)", "(lead_id IS NOT NULL)", "((team_id IS NOT NULL) AND read)", "(NOT read)"],
)
def test_other_conditions_are_no_null_test(expression: str) -> None:
    assert not is_not_null_test(expression, "team_id")


def test_conjuncts_are_what_and_joins() -> None:
    assert conjuncts("((team_id = 1) AND ((deleted_at IS NULL) AND (NOT read)))") == {
        "team_id = 1",
        "deleted_at IS NULL",
        "NOT read",
    }
    assert conjuncts("((a IS NULL) OR (b IS NULL))") == {"(a IS NULL) OR (b IS NULL)"}
    assert conjuncts("((") == {"(("}, "what cannot be parsed is one condition"


# --- the tenant column ---


def test_the_best_index_counts() -> None:
    partial, trailing, leading = index(1, 2, predicate="(read)"), index(1, 1, 2), index(1, 2, 1)
    assert cover() == "none"
    assert cover(trailing) == "trailing"
    assert cover(trailing, partial) == "partial"
    assert cover(trailing, partial, leading) == "served"


def test_an_index_being_built_is_neither_there_nor_missing() -> None:
    unfinished = index(1, 2, oid=7, valid=False, ready=False)
    build = IndexBuild(relation=1, index=7, command="CREATE INDEX CONCURRENTLY", phase="building index")
    assert cover(unfinished) == "none"
    assert cover(unfinished, index_builds=(build,)) == "building"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (index(1, 2, method="hash"), "served"),
        (index(1, 1, 2, method="gin"), "served"),
        (index(1, 2, method="brin"), "none"),
        (index(1, 1, 2, key_count=1), "none"),
        (index(1, 0, depends=(2,)), "none"),
        (index(1, 2, predicate="(team_id IS NOT NULL)"), "served"),
    ],
)
def test_what_finds_a_tenant_is_the_method_and_the_key(found: Index, expected: str) -> None:
    assert cover(found) == expected


def test_a_partial_index_serves_where_every_policy_repeats_its_condition() -> None:
    partial = index(1, 2, predicate="(deleted_at IS NULL)")
    live = policy(1, "((team_id = 1) AND (deleted_at IS NULL))")
    whole = policy(1, "(team_id = 1)")
    assert cover(partial, policies=(live,)) == "served"
    assert cover(partial, policies=(live, whole)) == "partial"
    assert cover(partial, policies=(whole,)) == "partial"
    assert cover(partial, policies=(live, policy(1, None, command="a"))) == "served", "it reads nothing"


def test_a_restrictive_policy_of_everybody_is_enough() -> None:
    partial, whole = index(1, 2, predicate="(deleted_at IS NULL)"), policy(1, "(team_id = 1)")
    assert cover(partial, policies=(whole, policy(1, "(deleted_at IS NULL)", permissive=False))) == "served"
    of_some = policy(1, "(deleted_at IS NULL)", permissive=False, roles=(11,))
    assert cover(partial, policies=(whole, of_some)) == "partial"


def test_every_partition_must_have_an_index_of_its_own() -> None:
    root = table(1, kind="p")
    parts = (table(2, is_partition=True), table(3, is_partition=True))
    # The tenant column has another number in one of them.
    columns = (TENANT, column(2, 2, "team_id"), column(3, 5, "team_id"))
    links = (Inheritance(2, 1), Inheritance(3, 1))

    def covered(*indexes: Index) -> str:
        snapshot = Snapshot(
            server=SERVER,
            database=DATABASE,
            relations=(root, *parts),
            inheritance=links,
            columns=columns,
            indexes=indexes,
        )
        return tenant_cover(snapshot, root, TENANT)

    assert covered(index(2, 2), index(3, 5)) == "served"
    assert covered(index(2, 2), index(3, 2)) == "none"
    assert covered(index(2, 2)) == "none"
