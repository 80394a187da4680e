"""What the guard does with a statement that it has judged: once a text, in both modes, without a value."""

from __future__ import annotations

import logging
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

import tenfold.runtime.guard.guard as module
from tenfold.errors import UnboundTenantError, UsageError
from tenfold.runtime.guard import Guard, TenantTable

HELD = "SELECT * FROM leads WHERE team_id = $1"
ALL = "SELECT * FROM leads WHERE email = 'secret@example.org' AND id = 4711"
UNREADABLE = "SELECT * FROM leads WHERE email = 'secret@example.org' FROM FROM"
TEAM = uuid.UUID("0b5e3a52-6a5f-4f0e-9a58-1f5d1b1c9a11")


@pytest.fixture
def guard() -> Guard:
    return Guard("team_id", tables=["leads", "messages"])


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def watching() -> Guard:
    return Guard("team_id", mode="log", tables=["leads", "messages"])


def session(tenant: object) -> Any:
    return SimpleNamespace(tenant=tenant)


# --- the two modes -----------------------------------------------------------------------------------


def test_a_refusal_names_table_column_and_remedy_and_no_value(guard: Guard) -> None:
    with pytest.raises(UnboundTenantError) as caught:
        guard.check(session(7), ALL, ("given",))
    said = caught.value.message
    assert said.startswith(
        "leads is not held to a tenant: add: leads.team_id = $1; in: SELECT * FROM leads WHERE"
    )
    assert "secret" not in said and "4711" not in said and "given" not in said


def test_a_message_shows_a_long_statement_in_part(guard: Guard) -> None:
    with pytest.raises(UnboundTenantError) as caught:
        guard.check(session(7), f"SELECT {', '.join(f'column_{n}' for n in range(500))} FROM leads", ())
    assert len(caught.value.message) < 500


def test_the_mode_log_counts_each_and_logs_one_of_a_fingerprint(log: pytest.LogCaptureFixture) -> None:
    guard = watching()
    for number in range(5):
        guard.check(session(7), f"SELECT * FROM leads WHERE id = {number}", ())
    guard.check(session(7), "SELECT * FROM messages", ())
    assert [record.levelname for record in log.records] == ["WARNING", "WARNING"]
    assert "leads is not held to a tenant" in log.messages[0]
    assert "sent by test_guard.py:" in log.messages[0]
    statistics = guard.statistics()
    assert statistics.at_fault == 6
    assert sorted(found.times for found in statistics.found.values()) == [1, 5]


def test_the_log_has_no_value(log: pytest.LogCaptureFixture) -> None:
    guard = watching()
    for statement in (
        ALL,
        UNREADABLE,
        "INSERT INTO leads (email) VALUES ('secret')",
        "EXECUTE secret ('secret')",
    ):
        guard.check(session(7), statement, ("given",))
    guard.check(session(7), HELD, (4711,))
    assert len(log.messages) == 4
    assert not any(word in log.text for word in ("'secret", "secret@", "4711", "given"))


def test_both_modes_find_the_same(guard: Guard) -> None:
    watcher = watching()
    for tenant, statement, parameters in (
        (7, HELD, (8,)),
        (7, ALL, ()),
        (7, "SELECT * FROM leads WHERE team_id = ANY($1)", ([7, 8],)),
        (7, "DELETE FROM leads WHERE team_id = 8", ()),
    ):
        with pytest.raises(UnboundTenantError):
            guard.check(session(tenant), statement, parameters)
        watcher.check(session(tenant), statement, parameters)
    found, watched = guard.statistics(), watcher.statistics()
    assert found.at_fault == watched.at_fault == 4
    assert [each.fault for each in found.found.values()] == [each.fault for each in watched.found.values()]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "MOST_FOUND", 3)
    guard = watching()
    for number in range(10):
        guard.check(session(7), f"SELECT column_{number} FROM leads", ())
    statistics = guard.statistics()
    assert statistics.at_fault == 10
    assert len(statistics.found) == len(log.messages) == 3


# --- what passes -------------------------------------------------------------------------------------


def test_a_session_of_the_system_passes(guard: Guard) -> None:
    guard.check(session(None), ALL, ())
    assert guard.statistics().read == 0


@pytest.mark.parametrize(
    "statement",
    [
        "/* across tenants: the nightly count */ SELECT count(*) FROM leads",
        "SELECT count(*) FROM leads -- across tenants: the nightly count",
        "SELECT count(*)\n/* Across Tenants:count */\nFROM leads",
        "/* across tenants: it is beyond the parser */ SELECT FROM FROM",
    ],
)
def test_a_statement_that_says_why_it_means_all_passes_and_is_counted(guard: Guard, statement: str) -> None:
    guard.check(session(7), statement, ())
    guard.check(session(7), statement, ())
    assert guard.statistics().across == 2
    assert not guard.statistics().found


@pytest.mark.parametrize(
    "statement",
    [
        "/* across tenants: */ SELECT * FROM leads",
        "/* across tenants */ SELECT * FROM leads",
        "SELECT '/* across tenants: why */' FROM leads",
        "SELECT '-- across tenants: why' FROM leads",
        'SELECT 1 AS "/* across tenants: why */" FROM leads',
        "SELECT $$ /* across tenants: why */ $$ FROM leads",
        "/* not across tenants: why */ SELECT * FROM leads",
    ],
)
def test_words_elsewhere_or_without_a_reason_excuse_nothing(guard: Guard, statement: str) -> None:
    with pytest.raises(UnboundTenantError):
        guard.check(session(7), statement, ())


@pytest.mark.parametrize("mode", ["raise", "log"])
def test_what_cannot_be_read_passes_counted_and_logged_once(mode: Any, log: pytest.LogCaptureFixture) -> None:
    guard = Guard("team_id", mode=mode, tables=["leads"])
    guard.check(session(7), UNREADABLE, ())
    guard.check(session(7), UNREADABLE, ())
    assert guard.statistics().unread == 2
    (message,) = log.messages
    assert "did not look at" in message


def test_a_statement_beyond_measure_passes_unread(guard: Guard) -> None:
    nested = "SELECT * FROM leads WHERE " + "(" * 3_000 + "true" + ")" * 3_000
    long = f"SELECT * FROM leads WHERE id IN ({', '.join(['1'] * 100_000)})"
    names = ", ".join(f"x{n} AS (SELECT a.* FROM x{n - 1} a, x{n - 1} b)" for n in range(1, 20))
    many = f"WITH x0 AS (SELECT * FROM leads), {names} SELECT * FROM x19"
    for statement in (nested, long, many):
        guard.check(session(7), statement, ())
    assert guard.statistics().unread == 3


def test_a_fault_of_the_guard_s_own_refuses_nothing(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("tenfold.runtime.guard.reader.read", failing)
    guard.check(session(7), HELD, (7,))
    assert guard.statistics().unread == 1
    assert "ZeroDivisionError" in log.text and "secret" not in log.text


# --- parameters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tenant", "given"),
    [
        (7, 7),
        (7, "7"),
        (TEAM, TEAM),
        (TEAM, str(TEAM)),
        (TEAM, TEAM.hex.upper()),
        (TEAM, f"{{{TEAM}}}"),
        # Of these the guard cannot say that they are another's.
        (7, 7.0),
        (7, b"7"),
        (TEAM, TEAM.bytes),
        (7, True),
    ],
)
def test_the_session_s_tenant_passes_in_any_form(guard: Guard, tenant: Any, given: object) -> None:
    guard.check(session(tenant), HELD, (given,))


@pytest.mark.parametrize(
    ("tenant", "given"),
    [
        (7, 8),
        (7, "8"),
        (7, "x"),
        (7, None),
        (7, TEAM),
        (TEAM, 7),
        (TEAM, uuid.UUID(int=7)),
        (TEAM, str(uuid.UUID(int=7))),
    ],
)
def test_another_tenant_is_refused_each_time(guard: Guard, tenant: Any, given: object) -> None:
    guard.check(session(tenant), HELD, (tenant,))
    for _ in range(2):
        with pytest.raises(UnboundTenantError, match="team_id of leads is compared with another tenant"):
            guard.check(session(tenant), HELD, (given,))


@pytest.mark.parametrize(
    ("statement", "passes", "refused"),
    [
        ("SELECT * FROM leads WHERE team_id = ANY($2)", (1, [7, "7"]), (1, [7, 8])),
        ("SELECT * FROM leads WHERE team_id = ANY($1)", ([],), ([8],)),
        ("SELECT * FROM leads WHERE team_id IN ($1, $2)", (7, 7), (7, 8)),
        ("SELECT * FROM leads WHERE (id, team_id) = ($1, $2)", (8, 7), (7, 8)),
        ("SELECT * FROM leads WHERE team_id = $1 OR team_id = $2", (7, 7), (7, 8)),
        ("SELECT * FROM leads l, messages m WHERE l.team_id = m.team_id AND m.team_id = $1", (7,), (8,)),
        ("SELECT * FROM leads l, messages m WHERE l.team_id = $1 AND m.team_id = $2", (7, 7), (7, 8)),
        (
            "SELECT * FROM leads l JOIN accounts a ON a.o = l.team_id WHERE a.o = $1 AND a.id = $2",
            (7, 8),
            (8, 7),
        ),
        ("INSERT INTO leads (team_id, a) VALUES ($1, $2), ($3, $2)", (7, 8, 7), (7, 7, 8)),
        ("INSERT INTO leads (a, team_id) SELECT * FROM unnest($1::int[], $2::int[])", ([8], [7]), ([7], [8])),
        ("SELECT * FROM leads WHERE team_id = $1::text::bigint", ("7",), ("8",)),
        (
            "SELECT * FROM leads WHERE team_id = $1 AND id IN (SELECT id FROM messages WHERE team_id = $2)",
            (7, 7),
            (7, 8),
        ),
        ("WITH x AS (SELECT * FROM leads) SELECT * FROM x WHERE team_id = $1", (7,), (8,)),
    ],
)
def test_every_value_that_holds_a_table_is_compared_and_no_other(
    guard: Guard, statement: str, passes: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    guard.check(session(7), statement, passes)
    with pytest.raises(UnboundTenantError):
        guard.check(session(7), statement, refused)


def test_constants_are_compared(guard: Guard) -> None:
    statement = "SELECT * FROM leads WHERE team_id = 7"
    guard.check(session(7), statement, ())
    for tenant in (8, -7, TEAM):
        with pytest.raises(UnboundTenantError, match="another tenant"):
            guard.check(session(tenant), statement, ())
    guard.check(session(-7), "SELECT * FROM leads WHERE team_id = -7", ())


def test_a_parameter_that_is_missing_is_for_the_server_to_say(guard: Guard) -> None:
    guard.check(session(7), HELD, ())


# --- what is remembered ------------------------------------------------------------------------------


def test_a_text_is_read_once(guard: Guard) -> None:
    for tenant in range(50):
        guard.check(session(tenant), HELD, (tenant,))
    assert guard.statistics().read == 1
    long = f"{HELD} AND id IN ({', '.join(map(str, range(5_000)))})"
    for _ in range(3):
        guard.check(session(7), long, (7,))
    assert guard.statistics().read == 2


def test_what_was_judged_is_forgotten_when_the_tables_are_learned(guard: Guard) -> None:
    guard.check(session(7), "SELECT * FROM later", ())
    guard.learned([("public", "later", True, 2, False, [])])
    with pytest.raises(UnboundTenantError):
        guard.check(session(7), "SELECT * FROM later", ())


# --- arguments ---------------------------------------------------------------------------------------


def test_exempt_tables_are_nobody_s() -> None:
    tables = [
        "leads",
        TenantTable("crm", "countries"),
        TenantTable("crm", "deals"),
        TenantTable("old", "deals"),
    ]
    guard = Guard("team_id", tables=tables, exempt=("countries", "crm.deals"))
    guard.check(session(7), "SELECT * FROM countries, crm.countries, crm.deals", ())
    for table in ("leads", "old.deals"):
        with pytest.raises(UnboundTenantError):
            guard.check(session(7), f"SELECT * FROM {table}", ())


@pytest.mark.parametrize(
    "arguments",
    [{"mode": "warn"}, {"exempt": "countries"}, {"tables": "leads"}, {"tables": [""]}, {"exempt": [".x"]}],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Guard("team_id", **{"tables": ["leads"], **arguments})


def test_a_column_that_no_table_has_is_a_mistake_in_the_name(log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match="has a column team_id; check its name"):
        Guard("team_id").learned([])
    Guard("team_id", mode="log").learned([])
    assert "check its name" in log.text
