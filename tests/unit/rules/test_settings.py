"""What settings amount to, and whose they are."""

from __future__ import annotations

import pytest

from tenfold.model.tenancy import Tenancy
from tenfold.rules.settings import (
    application_role,
    collects_statements,
    is_off,
    limits,
    size,
    statements_loaded,
)
from tenfold.rules.subject import Subject
from tests.unit.rules.build import PG_STAT_STATEMENTS, database, role, setting, subject

LIMIT = "statement_timeout"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [("16384", "8kB", 128 << 20), ("4096", "kB", 4 << 20), ("3", "MB", 3 << 20), ("512", "B", 512)],
)
def test_a_memory_setting_is_bytes(value: str, unit: str, expected: int) -> None:
    made = subject(settings={"work_mem": setting("work_mem", value, unit=unit)})
    assert size(made.snapshot, "work_mem") == expected


def test_a_setting_that_is_absent_or_no_memory_has_no_size() -> None:
    assert size(subject().snapshot, "work_mem") is None
    assert size(subject(settings={"max_connections": "100"}).snapshot, "max_connections") is None


@pytest.mark.parametrize("value", ["off", "OFF", "of", "false", "f", "no", "n", "0"])
def test_the_server_s_spellings_of_false(value: str) -> None:
    assert is_off(value)


@pytest.mark.parametrize("value", ["on", "o", "true", "t", "yes", "1", "", "offer"])
def test_what_is_not_false(value: str) -> None:
    assert not is_off(value)


def with_limits(
    *,
    of_role: str | None = None,
    of_database: str | None = None,
    of_server: str = "0",
    source: str = "default",
) -> Subject:
    return subject(
        settings={LIMIT: setting(LIMIT, of_server, source)},
        roles=(role(20, "app", *([f"{LIMIT}={of_role}"] if of_role else [])),),
        database=database(settings=(f"{LIMIT}={of_database}",) if of_database else None),
        tenancy=Tenancy(application_role="app"),
    )


@pytest.mark.parametrize(
    ("of_role", "of_database", "of_server", "limited"),
    [
        (None, None, "0", False),
        (None, None, "30000", True),
        (None, "0", "30000", False),
        (None, "2min", "0", True),
        ("0", "2min", "30000", False),
        ("0ms", None, "30000", False),
        ("0.5s", None, "0", True),
        ("30s", "0", "0", True),
    ],
)
def test_what_is_set_nearest_to_the_session_counts(
    of_role: str | None, of_database: str | None, of_server: str, limited: bool
) -> None:
    made = with_limits(of_role=of_role, of_database=of_database, of_server=of_server)
    assert limits(made, LIMIT, application_role(made)) is limited


@pytest.mark.parametrize("source", ["client", "user", "database user"])
def test_what_the_reading_session_brought_along_is_not_the_server_s(source: str) -> None:
    made = with_limits(of_server="15000", source=source)
    assert not limits(made, LIMIT, application_role(made))


def test_what_the_reading_role_is_given_is_not_the_server_s() -> None:
    auditor = role(21, "auditor", f"{LIMIT}=15s")
    made = subject(roles=(auditor,), settings={LIMIT: setting(LIMIT, "15000", "session")})
    assert not limits(made, LIMIT, None)
    other = subject(roles=(role(21, "auditor"),), settings={LIMIT: setting(LIMIT, "15000", "session")})
    assert limits(other, LIMIT, None)


def test_a_role_s_setting_in_this_database_prevails_over_its_setting_everywhere() -> None:
    assert role(20, "app", f"{LIMIT}=0", f"{LIMIT}=30s").setting(LIMIT) == "30s"


def test_an_application_role_that_does_not_exist() -> None:
    assert application_role(subject(tenancy=Tenancy(application_role="app"))) is None
    assert application_role(subject(roles=(role(20, "app"),))) is None


def test_the_library_shows_by_its_own_settings() -> None:
    loaded = {"pg_stat_statements.max": "5000"}
    assert statements_loaded(subject(settings=loaded).snapshot)
    assert not collects_statements(subject(settings=loaded).snapshot)
    assert not collects_statements(subject(**PG_STAT_STATEMENTS).snapshot)
    assert collects_statements(subject(settings=loaded, **PG_STAT_STATEMENTS).snapshot)
