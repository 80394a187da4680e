from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import ConfigError, EmptyDatabaseError
from tenfold.model.config import Config, Ignore, TenancyConfig
from tenfold.model.relations import Schema
from tenfold.model.snapshot import Snapshot
from tenfold.rules.config_check import check_config
from tests.unit.rules.build import DATABASE, SERVER, role, setting, table


def snapshot(**fields: Any) -> Snapshot:
    tables = (table(1, "messages"), table(2, "invoices", schema="billing"))
    schemas = tuple(Schema(oid, name, owner=10) for oid, name in enumerate(("public", "billing")))
    return Snapshot(
        **{"server": SERVER, "database": DATABASE, "relations": tables, "schemas": schemas} | fields
    )


def ignore(name: str | None, rule: str = "pk-missing") -> Config:
    return Config(ignore=(Ignore(rule=rule, reason="known", object=name),))


def application(name: str) -> Config:
    return Config(tenancy=TenancyConfig(application_role=name))


def test_nothing_is_said_of_what_is_there() -> None:
    made = snapshot(roles=(role(20, "app"),))
    config = Config(
        exclude_schemas=("billing",),
        operations_per_day={"messages": 5, "billing.invoices": 0},
        tenancy=TenancyConfig(application_role="app"),
    )
    assert check_config(made, config) == ()


# --- nothing to judge ---


def test_a_database_without_tables() -> None:
    with pytest.raises(EmptyDatabaseError, match="database outreach has no tables"):
        check_config(snapshot(relations=()), Config())


def test_a_database_with_tables_of_extensions_only() -> None:
    with pytest.raises(EmptyDatabaseError, match="has no tables"):
        check_config(snapshot(relations=(table(1, "spatial_ref_sys", extension="postgis"),)), Config())


def test_a_database_of_which_all_is_excluded() -> None:
    with pytest.raises(EmptyDatabaseError, match="correct exclude_schemas"):
        check_config(snapshot(), Config(exclude_schemas=("public", "billing")))


# --- names that are not there ---


@pytest.mark.parametrize(
    ("name", "hint"), [("biling", "; did you mean billing"), ("vendor", "; correct the name")]
)
def test_a_schema_that_is_not_there(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_config(snapshot(), Config(exclude_schemas=(name,)))
    assert str(caught.value).startswith(f"exclude_schemas names {name!r}, and there is no such schema{hint}")


def test_a_role_that_is_misspelt() -> None:
    with pytest.raises(ConfigError, match=r"'outreach_ap', .* did you mean outreach_app\?"):
        check_config(snapshot(roles=(role(20, "outreach_app"),)), application("outreach_ap"))


def test_a_role_that_is_still_to_be_made() -> None:
    (warning,) = check_config(snapshot(roles=(role(20, "outreach"),)), application("outreach_app"))
    assert "'outreach_app', and there is no such role; create it" in warning


@pytest.mark.parametrize("name", ["messages", "billing.invoices", "app", '"the App"', "work_mem", "outreach"])
def test_an_ignore_of_what_is_there(name: str) -> None:
    made = snapshot(
        roles=(role(20, "app"), role(21, "the App")), settings=(setting("work_mem", "4096", unit="kB"),)
    )
    assert check_config(made, ignore(name)) == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mesages", "; did you mean messages?"), ("old_leads", "; take the entry out")],
)
def test_an_ignore_of_what_is_not_there(name: str, hint: str) -> None:
    (warning,) = check_config(snapshot(), ignore(name))
    assert warning == f"[[ignore]] of pk-missing names {name!r}, and there is no such object{hint}"


def test_an_ignore_of_every_object_or_of_a_statement() -> None:
    assert check_config(snapshot(), ignore(None)) == ()
    assert check_config(snapshot(), ignore("inbox_by_bucket", "query-slow")) == ()
