"""What apply does on a quiet database: in order, once, nothing that was not asked for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tenfold.errors import ApplyInProgressError, ForeignPlanError, OutputError, StatementError
from tenfold.migrate.run import Run, State
from tenfold.model.change import Phase
from tenfold.model.finding import Priority
from tests.db.migrate.bench import OURS, Bench
from tests.db.migrate.changes import (
    add_column,
    change,
    check_not_null,
    enable_rls,
    fill,
    index,
    plan_of,
    trigger,
    validate,
)

WHOLE = (index(), add_column(), trigger(), fill(), check_not_null(), validate())


def states(run: Run) -> list[State]:
    return [outcome.state for outcome in run.outcomes]


@pytest.mark.servers(15, 16, 18)
def test_carries_out_every_kind_of_change(bench: Bench) -> None:
    run = bench.apply(plan_of(bench.dsn, *WHOLE))
    assert states(run) == [State.DONE] * 6
    assert run.complete
    assert bench.indexes()["idx_messages_number"]
    wrong = "SELECT count(*) FROM messages m JOIN threads t ON t.id = thread_id WHERE t.team_id <> m.team_id"
    assert bench.value(wrong) == 0
    assert bench.value("SELECT convalidated FROM pg_constraint WHERE conname = 'messages_team_id_not_null'")


@pytest.mark.servers(15, 16, 18)
def test_a_second_run_finds_everything_done(bench: Bench) -> None:
    plan = plan_of(bench.dsn, *WHOLE)
    bench.apply(plan)
    bench.events.told.clear()
    assert states(bench.apply(plan)) == [State.ALREADY] * 6
    assert not bench.events.of("started")


def test_fingerprint_is_the_snapshots(bench: Bench) -> None:
    from tenfold.catalog.reader import read_snapshot
    from tenfold.pg.connect import connect

    with connect(bench.dsn) as connection:
        assert plan_of(bench.dsn).fingerprint == read_snapshot(connection).fingerprint


@pytest.mark.parametrize("dry_run", [True, False])
def test_refuses_the_plan_of_another_database(bench: Bench, dry_run: bool) -> None:
    plan = replace(plan_of(bench.dsn, index()), fingerprint="0" * 16, database="other")
    with pytest.raises(ForeignPlanError, match="another database \\(other"):
        bench.apply(plan, dry_run=dry_run)
    assert "idx_messages_number" not in bench.indexes()


def test_isolation_is_applied_only_when_it_is_named(bench: Bench) -> None:
    plan = plan_of(bench.dsn, enable_rls())
    run = bench.apply(plan)
    assert states(run) == [State.LEFT_OUT]
    assert "--phase isolation" in run.outcomes[0].why
    assert not bench.value("SELECT relrowsecurity FROM pg_class WHERE oid = 'messages'::regclass")
    assert states(bench.apply(plan, phases=[Phase.ISOLATION])) == [State.DONE]
    assert bench.value("SELECT relrowsecurity FROM pg_class WHERE oid = 'messages'::regclass")


def test_only_the_priorities_and_phases_asked_for(bench: Bench) -> None:
    plan = plan_of(
        bench.dsn, index(priority=Priority.P0), add_column(), index("idx_two", "body", priority=Priority.P2)
    )
    assert states(bench.apply(plan, priorities=[Priority.P0])) == [State.DONE, State.LEFT_OUT, State.LEFT_OUT]
    assert states(bench.apply(plan, phases=[Phase.INDEXES])) == [State.ALREADY, State.LEFT_OUT, State.DONE]


def test_a_dry_run_writes_nothing(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, index()))
    run = bench.apply(plan_of(bench.dsn, *WHOLE, enable_rls()), dry_run=True)
    assert states(run) == [State.ALREADY, *[State.TODO] * 5, State.LEFT_OUT]
    assert not bench.has_column("team_id")


def test_a_dry_run_could_not_write(bench: Bench) -> None:
    writing = change("statement", "x", done="SELECT setval('public.messages_id_seq', 9999) > 0")
    with pytest.raises(StatementError, match="read-only"):
        bench.apply(plan_of(bench.dsn, writing), dry_run=True)


def test_what_a_failed_change_is_needed_for_is_not_attempted(bench: Bench) -> None:
    broken = replace(add_column(), sql=("ALTER TABLE public.messages ADD COLUMN team_id no_such_type",))
    run = bench.apply(plan_of(bench.dsn, broken, fill(), check_not_null(), index()))
    assert states(run) == [State.FAILED, State.NOT_ATTEMPTED, State.NOT_ATTEMPTED, State.DONE]
    assert "no_such_type" in run.outcomes[0].why
    assert run.outcomes[1].why == "it requires 'add-column:team_id', which is not done"
    assert not run.complete


def test_what_requires_a_change_that_was_not_asked_for_says_so(bench: Bench) -> None:
    plan = plan_of(bench.dsn, add_column(priority=Priority.P2), fill(priority=Priority.P0))
    run = bench.apply(plan, priorities=[Priority.P0])
    assert states(run) == [State.LEFT_OUT, State.LEFT_OUT]
    assert run.complete
    assert "phase keys, P2" in run.outcomes[1].why
    assert states(bench.apply(plan, dry_run=True, priorities=[Priority.P0])) == states(run)


def test_what_requires_a_change_that_the_plan_does_not_have_says_so(bench: Bench) -> None:
    run = bench.apply(plan_of(bench.dsn, check_not_null()))
    assert run.outcomes[0].why == (
        "it requires fill:team_id, which the plan does not have; make the plan again"
    )


def test_a_transaction_of_statements_is_all_or_nothing(bench: Bench) -> None:
    half = replace(
        add_column(), sql=(add_column().sql[0], "ALTER TABLE public.messages ADD COLUMN x no_such_type")
    )
    assert states(bench.apply(plan_of(bench.dsn, half))) == [State.FAILED]
    assert not bench.has_column("team_id")


def test_a_change_that_does_not_take_is_a_failure(bench: Bench) -> None:
    run = bench.apply(
        plan_of(bench.dsn, change("statement", "nothing", done="SELECT false", sql=("SELECT 1",)))
    )
    assert states(run) == [State.FAILED]


def test_one_applier_at_a_time(bench: Bench) -> None:
    plan = plan_of(bench.dsn, index())
    refused = []

    def second(event: str) -> None:
        if event == "started" and not refused:
            with pytest.raises(ApplyInProgressError) as caught:
                bench.apply(plan)
            refused.append(caught.value.message)

    bench.events.react = second
    assert states(bench.apply(plan)) == [State.DONE]
    assert "application 'tenfold apply'" in refused[0]
    assert "pid " in refused[0]
    assert "connected since" in refused[0]


def test_the_lock_is_given_back(bench: Bench) -> None:
    plan = plan_of(bench.dsn, index())
    bench.apply(plan)
    bench.apply(plan)
    bench.until("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'")


def test_nothing_is_begun_that_the_journal_cannot_record(bench: Bench) -> None:
    (bench.folder / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        bench.apply(plan_of(bench.dsn, index()), journal_folder=bench.folder / "file" / "below")
    assert "idx_messages_number" not in bench.indexes()


def test_sessions_say_who_they_are(bench: Bench) -> None:
    seen = []
    bench.events.react = lambda event: (
        event == "started" and seen.append(bench.value(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS}"))
    )
    bench.apply(plan_of(bench.dsn, index()))
    assert seen == [2]


def test_expressions_do_not_trust_the_search_path(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute(
            "CREATE SCHEMA trap;"
            "CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || random()'"
        )
    bench.set_search_path("trap, pg_catalog, public")
    assert states(bench.apply(plan_of(bench.dsn, index("idx_lower", "lower(body)")))) == [State.DONE]
    trapped = "SELECT count(*) FROM pg_depend WHERE refobjid = 'trap.lower(text)'::regprocedure"
    assert bench.value(trapped) == 0


def test_qualified_functions_operator_classes_and_policies_parse(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("CREATE EXTENSION pg_trgm; CREATE SCHEMA app")
        connection.execute(
            "CREATE FUNCTION app.tenant() RETURNS int LANGUAGE sql STABLE"
            " AS $$ SELECT current_setting('app.team_id', true)::int $$"
        )
    policy = change(
        "statement",
        "policy",
        done="SELECT EXISTS (SELECT FROM pg_policy WHERE polname = 'tenant')",
        sql=("CREATE POLICY tenant ON public.messages USING (thread_id = (SELECT app.tenant()))",),
    )
    trigram = index("idx_body", "body public.gin_trgm_ops")
    trigram = replace(trigram, sql=(trigram.sql[0].replace("messages (", "messages USING gin ("),))
    assert states(bench.apply(plan_of(bench.dsn, policy, trigram))) == [State.DONE, State.DONE]
