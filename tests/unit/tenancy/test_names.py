from __future__ import annotations

import pytest

from tenfold.tenancy.names import (
    CERTAIN,
    LIKELY,
    OTHER,
    PERSON,
    SHOPPER,
    is_bare,
    is_framework,
    is_person,
    likelihood,
    same_meaning,
    stem,
    table_names,
)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("team_id", "team"),
        ("teamId", "team"),
        ("TeamID", "team"),
        ("TEAM_ID", "team"),
        ("team_uuid", "team"),
        ("team_guid", "team"),
        ("team_fk", "team"),
        ("id_empresa", "empresa"),
        ("tenantid", "tenant"),
        ("tenantId", "tenant"),
        ("organization", "organization"),
        ("parent_team_id", "parent_team"),
        ("id", None),
        ("uuid", None),
        ("_id", None),
        ("valid", None),
        ("paid", None),
        ("grid", None),
        ("name", None),
        ("created_at", None),
        ("", None),
    ],
)
def test_a_column_refers_to_what_its_name_says(column: str, name: str | None) -> None:
    assert stem(column) == name


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("tenant_id", CERTAIN),
        ("organizationId", CERTAIN),
        ("realm_id", CERTAIN),
        ("mandant_id", CERTAIN),
        ("account_id", LIKELY),
        ("id_empresa", LIKELY),
        ("customer_id", SHOPPER),
        ("guild_id", OTHER),
        ("billing_account_id", OTHER),
        ("user_id", PERSON),
        ("assigned_user_id", PERSON),
        ("created_by_id", PERSON),
        ("name", 0.0),
    ],
)
def test_some_names_say_more_than_others(column: str, said: float) -> None:
    assert likelihood(column) == said


@pytest.mark.parametrize(
    ("column", "tables"),
    [
        ("team_id", ("teams", "team")),
        ("company_id", ("companies", "company")),
        ("business_id", ("businesses", "business")),
        ("church_id", ("churches", "church")),
        ("survey_id", ("surveys", "survey")),
        ("name", ()),
    ],
)
def test_a_table_is_called_like_its_column(column: str, tables: tuple[str, ...]) -> None:
    assert table_names(column) == tables


def test_a_short_name_finds_the_table_of_the_long_one() -> None:
    assert table_names("org_id")[:2] == ("orgs", "org")
    assert {"organizations", "organisation"} <= set(table_names("org_id"))


@pytest.mark.parametrize(
    ("column", "other", "same"),
    [
        ("org_id", "organizationId", True),
        ("organisation_id", "org_id", True),
        ("team_id", "teamId", True),
        ("team_id", "organization_id", False),
        ("name", "title", False),
    ],
)
def test_spellings_of_one_name_are_known(column: str, other: str, same: bool) -> None:
    assert same_meaning(column, other) is same
    assert same_meaning(other, column) is same


def test_a_bare_name_is_known() -> None:
    assert is_bare("organization")
    assert not is_bare("organization_id")
    assert not is_bare("tenantid")


@pytest.mark.parametrize(
    "table", ["users", "User", "auth_user", "res_users", "accounts_customuser", "Employees"]
)
def test_tables_of_people_are_known(table: str) -> None:
    assert is_person(table)


@pytest.mark.parametrize("table", ["teams", "accounts", "user_accounts", "organizations"])
def test_other_tables_are_not_of_people(table: str) -> None:
    assert not is_person(table)


@pytest.mark.parametrize(
    "table", ["django_session", "schema_migrations", "_prisma_migrations", "alembic_version", "SequelizeMeta"]
)
def test_tables_of_frameworks_are_known(table: str) -> None:
    assert is_framework(table)


@pytest.mark.parametrize("table", ["solid_waste", "accounts", "orders", "authors"])
def test_the_products_own_tables_are_not_a_frameworks(table: str) -> None:
    assert not is_framework(table)
