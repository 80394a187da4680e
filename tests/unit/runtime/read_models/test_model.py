"""What can be declared as a read model, and what its names follow from."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from tenfold.errors import UsageError
from tenfold.runtime.read_models import Limits, ReadModel

GOOD: dict[str, Any] = {
    "name": "customer_summary",
    "query": "SELECT organization_id, person_id FROM people",
    "tenant_column": "organization_id",
    "key": ("organization_id", "person_id"),
}


def declared(**fields: Any) -> ReadModel:
    return ReadModel(**{**GOOD, **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "the name of a read model is a word"),
        ({"name": 'a"b'}, "the name of a read model is a word"),
        ({"name": "a" * 44}, "43 bytes at most"),
        ({"name": "ä" * 22}, "43 bytes at most"),
        ({"schema": "a.b"}, "its schema is a word"),
        ({"tenant_column": "organization id"}, "its tenant column is a word"),
        ({"key": ()}, "the key is a tuple of columns"),
        ({"key": "organization_id"}, "the key is a tuple of columns"),
        ({"key": ["organization_id"]}, "the key is a tuple of columns"),
        ({"key": ("organization_id", "organization_id")}, "none twice"),
        ({"key": ("organization_id", "x; DROP TABLE y")}, "the key: a column is a word"),
        ({"key": ("person_id", "organization_id")}, "begins with the tenant column organization_id"),
        ({"key": ("person_id",)}, "begins with the tenant column organization_id"),
        ({"indexes": ("person_id",)}, "an index is a tuple of columns"),
        ({"indexes": (("a",),) * 100}, "99 at most"),
        ({"every": 0}, "every is 0.05 s at least"),
        ({"every": float("nan")}, "every is 0.05 s at least"),
        ({"every": float("inf")}, "every is 0.05 s at least"),
        ({"query": ""}, "the query is a SELECT"),
        ({"query": "-- nothing"}, "the query is a SELECT"),
        ({"query": "DELETE FROM people"}, "the query is a SELECT"),
        ({"query": "SELECT 1; DROP TABLE people"}, "one statement"),
        ({"query": "SELECT 'a"}, "does not end"),
        ({"query": "SELECT 1 /* a"}, "does not end"),
        ({"query": "SELECT * FROM people WHERE organization_id = $1"}, "reads a parameter or a setting"),
        (
            {"query": "SELECT * FROM people WHERE organization_id = Current_Setting('app.tenant_id')::int"},
            "reads a parameter or a setting",
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        declared(**fields)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'a;b $1 current_setting', $$;$$, \"c;d\" FROM people -- ; $1\n",
        "WITH a AS (SELECT 1) SELECT * FROM a;",
        "(SELECT 1 UNION SELECT 2) ; -- the end;",
        "VALUES (1)",
    ],
)
def test_any_one_query_is_taken(query: str) -> None:
    statement = declared(query=query).statement
    assert query.startswith(statement) and not statement.endswith(";")


def test_every_name_fits_into_63_bytes() -> None:
    model = declared(name="a" * 43, indexes=(("b",),) * 99)
    statements = model.install_sql(readers=["app"])
    names = {part for each in statements for part in each.split('"') if part.startswith("aaa")}
    assert max(map(len, names)) == 63
    assert f"{model.names.storage}_i99" in names


def test_stored_rows_have_another_name_for_another_definition_and_no_other() -> None:
    same = [declared(), declared(every=7.0), declared(query=f" {GOOD['query']} ;\n"), declared(indexes=())]
    other = [
        declared(),
        declared(query=GOOD["query"] + " LIMIT 1"),
        declared(key=("organization_id",)),
        declared(indexes=(("person_id",),)),
        declared(schema="crm"),
        declared(name="customers"),
    ]
    assert len({model.names.storage for model in same}) == 1
    assert len({model.names.storage for model in other}) == len(other)
    assert len({model.names.family for model in other}) == 3
    assert len({model.names.lock for model in other}) == 3


def test_an_index_begins_with_the_tenant() -> None:
    indexes = declared(indexes=(("person_id",), ("organization_id", "email"))).names.indexes
    assert indexes == (("organization_id", "person_id"), ("organization_id", "email"))


@pytest.mark.parametrize("readers", [[], "app", [7]])
def test_readers_are_named(readers: Any) -> None:
    with pytest.raises(UsageError, match="names of the roles"):
        declared().install_sql(readers=readers)


def test_a_setting_and_a_type_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="no name of a setting"):
        declared().install_sql(readers=["app"], setting="x'; --")
    with pytest.raises(UsageError, match=r"uuid\.UUID or int"):
        declared().install_sql(readers=["app"], tenant_type=str)  # type: ignore[arg-type] # what is tested
    with pytest.raises(UsageError, match="in its name here"):
        declared().install_sql(readers=["$tenfold$"])


def test_the_setting_is_cast_and_not_the_column() -> None:
    by_uuid = declared().install_sql(readers=["app"], tenant_type=uuid.UUID, setting="my.team")[-1]
    assert '"organization_id" = CAST(\n' in by_uuid
    assert "NULLIF(pg_catalog.current_setting('my.team', true), '') AS pg_catalog.uuid)" in by_uuid


def test_names_of_roles_are_quoted() -> None:
    statement = declared().install_sql(readers=['a"b', "c'd"])[-1]
    assert 'TO "a""b", "c\'d"' in statement
    assert "has_table_privilege('c''d'" in statement


def test_no_statement_has_what_sqlalchemy_takes_for_a_parameter() -> None:
    model = declared()
    for statement in [*model.install_sql(readers=["app"]), *model.drop_sql()]:
        assert text(statement)._bindparams == {}


@pytest.mark.parametrize(
    "fields", [{"lock_timeout": -1}, {"statement_timeout": 1e9}, {"work_mem": "much"}, {"work_mem": "64"}]
)
def test_limits_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Limits(**fields)


def test_a_copy_with_another_query_has_names_of_its_own() -> None:
    model = declared()
    assert model.names.storage != msgspec.structs.replace(model, query="TABLE people").names.storage
