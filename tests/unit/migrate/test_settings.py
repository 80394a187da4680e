"""Options of tables, roles, views and functions, each with what was before as its undo."""

from __future__ import annotations

import msgspec
import pytest

from tenfold.migrate.plan import plan
from tenfold.model.change import Plan
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import ColumnStatistics
from tenfold.model.remedy import (
    GrantTable,
    SetFunctionSearchPath,
    SetRoleSetting,
    SetStatistics,
    SetTableOptions,
    SetViewInvoker,
    Table,
)
from tenfold.model.roles import Function
from tests.unit.migrate.schema import OWNER, Made, found
from tests.unit.rules.build import NOW

MESSAGES = Table("public", "messages")


@pytest.fixture
def made() -> Made:
    database = Made()
    database.table("messages", "team_id bigint", options=("fillfactor=90", "autovacuum_enabled=false"))
    return database


def options(**values: str) -> SetTableOptions:
    return SetTableOptions(table=MESSAGES, options=tuple(values.items()))


def test_options_of_one_table_are_set_together_the_urgent_ones_deciding(made: Made) -> None:
    (change,) = made.plan(
        found("a", "messages", options(fillfactor="80", autovacuum_enabled="true")),
        found("b", "messages", options(fillfactor="70", toast_tuple_target="256"), priority=Priority.P0),
    ).changes
    assert change.id == "set-options:public.messages"
    assert change.sql == (
        "ALTER TABLE public.messages SET "
        "(fillfactor = 70, toast_tuple_target = 256, autovacuum_enabled = true)",
    )
    assert change.undo == (
        "ALTER TABLE public.messages SET (fillfactor = 90, autovacuum_enabled = false)",
        "ALTER TABLE public.messages RESET (toast_tuple_target)",
    )
    assert (change.findings, change.priority) == (("a:messages", "b:messages"), Priority.P0)


@pytest.mark.parametrize(
    ("old", "undo"),
    [
        (None, "ALTER ROLE app IN DATABASE outreach RESET lock_timeout"),
        ("1s", "ALTER ROLE app IN DATABASE outreach SET lock_timeout = '1s'"),
    ],
)
def test_a_roles_setting_goes_back_to_what_it_was(made: Made, old: str | None, undo: str) -> None:
    setting = SetRoleSetting(role="app", database="outreach", setting="lock_timeout", value="5s", old=old)
    (change,) = made.plan(found("timeouts-missing", "app", setting)).changes
    assert change.undo == (undo,)
    assert "'lock_timeout=5s' = ANY (s.setconfig)" in change.done


# --- statistics ---


def statistics(target: int, old: int = -1) -> SetStatistics:
    return SetStatistics(table=MESSAGES, column="team_id", target=target, old_target=old)


def test_a_new_target_is_set_and_collected_in_one_transaction(made: Made) -> None:
    (change,) = made.plan(found("tenant-stats-missing", "messages", statistics(500, 200))).changes
    assert change.transactional
    assert change.sql == (
        "ALTER TABLE public.messages ALTER COLUMN team_id SET STATISTICS 500",
        "ANALYZE public.messages (team_id)",
    )
    assert change.undo == ("ALTER TABLE public.messages ALTER COLUMN team_id SET STATISTICS 200",)
    assert "coalesce(attstattarget, -1) = 500" in change.done
    assert "last_analyze" not in change.done


def test_where_the_target_stays_the_analyze_itself_tells(made: Made) -> None:
    (change,) = made.plan(found("tenant-stats-missing", "messages", statistics(-1))).changes
    assert f"greatest(last_analyze, last_autoanalyze) > '{NOW}'::timestamptz" in change.done
    assert "pg_stats" in change.done
    assert change.undo == ()
    made.statistics.append(ColumnStatistics(made.relations[0].oid, 1, False, 0.0, 8, 5.0))
    (stale,) = made.plan(found("tenant-stats-missing", "messages", statistics(-1))).changes
    assert "pg_stats" not in stale.done


# --- views and functions ---


@pytest.mark.parametrize(
    ("before", "undo"),
    [
        (None, "ALTER VIEW public.list RESET (security_invoker)"),
        (("security_invoker=off",), "ALTER VIEW public.list SET (security_invoker = off)"),
    ],
)
def test_a_view_goes_back_to_its_owners_rights(made: Made, before: tuple[str, ...] | None, undo: str) -> None:
    made.table("list", "id bigint", kind="v", options=before)
    (change,) = made.plan(
        found("view-not-invoker", "list", SetViewInvoker(table=Table("public", "list")))
    ).changes
    assert change.undo == (undo,)


def test_a_view_needs_version_15() -> None:
    made = Made(version=140_000)
    made.table("list", "id bigint", kind="v")
    result = made.plan(found("view-not-invoker", "list", SetViewInvoker(table=Table("public", "list"))))
    assert result.changes == ()
    assert "PostgreSQL 15" in result.skipped[0].why


def function(oid: int, arguments: str, **fields: tuple[str, ...]) -> Function:
    return Function(
        oid, "public", "count_all", arguments, "bigint", OWNER, "sql", "f", "v", True, False, **fields
    )


def with_functions(made: Made, finding: Finding, *functions: Function) -> Plan:
    snapshot = msgspec.structs.replace(made.snapshot, functions=functions)
    return plan(snapshot, made.audit(finding), made.config)


def test_a_functions_path_goes_back_to_what_it_was(made: Made) -> None:
    remedy = SetFunctionSearchPath(
        table=Table("public", "count_all"), arguments="team bigint", search_path="pg_catalog, pg_temp"
    )
    finding = found("definer-function-path", "count_all(team bigint)", remedy)
    (change,) = with_functions(made, finding, function(1, "team bigint")).changes
    assert change.undo == ("ALTER FUNCTION public.count_all(team bigint) RESET search_path",)
    assert "identity_arguments" not in change.done
    settings = ("search_path=public",)
    (change,) = with_functions(
        made, finding, function(1, "team bigint", settings=settings), function(2, "team text")
    ).changes
    assert change.undo == ("ALTER FUNCTION public.count_all(team bigint) SET search_path = public",)
    assert "setting <> 'search_path=public'" in change.done
    assert "pg_get_function_identity_arguments(p.oid) = 'team bigint'" in change.done


def test_a_grant_is_undone_by_its_revoke(made: Made) -> None:
    remedy = GrantTable(table=MESSAGES, role="app", privileges=("SELECT",))
    (change,) = made.plan(found("a", "messages", remedy)).changes
    assert change.undo == ("REVOKE SELECT ON public.messages FROM app",)
