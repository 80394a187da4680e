"""Undo: what we did, backwards, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tenfold.errors import ApplyInProgressError, NoRecordError, UsageError
from tenfold.migrate.journal import Journal
from tenfold.migrate.run import Run, State
from tenfold.model.change import Change, Phase
from tests.db.migrate.applier import Applier
from tests.db.migrate.bench import BUILD_WAITS, Bench, holder
from tests.db.migrate.changes import (
    LIMITS,
    add_column,
    change,
    check_not_null,
    drop_index,
    enable_rls,
    fill,
    index,
    plan_of,
    trigger,
    validate,
)
from tests.db.migrate.test_locks import leave_invalid_drop

WHOLE = (index(), add_column(), trigger(), fill(), check_not_null(), validate())

SCHEMA = """
SELECT jsonb_agg(line ORDER BY line) FROM (
    SELECT pg_get_indexdef(indexrelid) || indisvalid FROM pg_index WHERE indrelid = 'messages'::regclass
    UNION ALL SELECT attname || format_type(atttypid, atttypmod) || attnotnull FROM pg_attribute
               WHERE attrelid = 'messages'::regclass AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'messages'::regclass
    UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = 'messages'::regclass AND NOT tgisinternal
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS lines (line)
"""


def ids(run: Run, state: State = State.DONE) -> list[str]:
    return [outcome.change.id.removeprefix("undo:") for outcome in run.of(state)]


@pytest.mark.servers(15, 16, 18)
def test_puts_the_schema_back(bench: Bench) -> None:
    before = bench.value(SCHEMA)
    bench.apply(plan_of(bench.dsn, *WHOLE))
    assert bench.value(SCHEMA) != before
    run = bench.undo()
    assert run.complete
    assert ids(run) == [
        "check:team_id",
        "trigger:team_id",
        "add-column:team_id",
        "create-index:idx_messages_number",
    ]
    assert bench.value(SCHEMA) == before
    assert bench.undo().outcomes == ()


def test_apply_goes_on_after_an_undo(bench: Bench) -> None:
    plan = plan_of(bench.dsn, *WHOLE)
    bench.apply(plan)
    whole = bench.value(SCHEMA)
    bench.undo()
    assert bench.apply(plan).complete
    assert bench.value(SCHEMA) == whole
    assert len(ids(bench.undo())) == 4


def test_what_was_done_before_we_came_stays(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute(index().sql[0])
    bench.apply(plan_of(bench.dsn, index(), add_column()))
    assert ids(bench.undo()) == ["add-column:team_id"]
    assert bench.indexes()["idx_messages_number"]


def test_what_somebody_undid_already_is_not_undone_again_and_is_ours_no_more(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, index(), add_column()))
    with bench.connect() as connection:
        connection.execute("DROP INDEX idx_messages_number")
    assert ids(bench.undo()) == ["add-column:team_id"]
    assert bench.undo().outcomes == ()
    with bench.connect() as connection:
        connection.execute(index().sql[0])
    assert bench.undo().outcomes == ()
    assert bench.indexes()["idx_messages_number"]


def test_what_a_later_change_of_ours_took_back_stays_ours_while_that_one_stays(bench: Bench) -> None:
    before = bench.value(SCHEMA)
    bench.apply(plan_of(bench.dsn, index()))
    dropped = replace(drop_index("idx_messages_number", index().sql[0]), phase=Phase.SETTINGS)
    bench.apply(plan_of(bench.dsn, dropped))
    assert ids(bench.undo(phases=[Phase.INDEXES])) == []
    assert ids(bench.undo()) == ["drop-index:idx_messages_number", "create-index:idx_messages_number"]
    assert bench.value(SCHEMA) == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_of_another_database_nothing_is_undone(bench: Bench, dry_run: bool) -> None:
    bench.apply(plan_of(bench.dsn, index()))
    (journal,) = bench.folder.iterdir()
    journal.rename(journal.with_name("0123456789abcdef.jsonl"))
    name = bench.value("SELECT current_database()")
    with pytest.raises(NoRecordError, match=f"no record for database {name} in {bench.folder}: .*--journal"):
        bench.undo(dry_run=dry_run)
    assert bench.indexes()["idx_messages_number"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_object_that_was_never_changed_is_refused(bench: Bench, dry_run: bool) -> None:
    bench.apply(plan_of(bench.dsn, index()))
    with pytest.raises(UsageError, match=r"'mesages' .*; did you mean messages\?"):
        bench.undo(objects=["messages", "mesages"], dry_run=dry_run)
    assert bench.indexes()["idx_messages_number"]
    assert bench.undo(objects=["messages"]).complete
    assert bench.undo(objects=["messages"]).outcomes == (), "undone already, it is known all the same"


def test_the_last_one_a_phase_or_an_object(bench: Bench) -> None:
    changes = (index(), add_column(), index("idx_teams_name", "name", table="teams"), enable_rls())
    bench.apply(plan_of(bench.dsn, *changes), phases=tuple(Phase))
    assert ids(bench.undo(last=1)) == ["enable-rls:messages"]
    assert ids(bench.undo(phases=[Phase.KEYS])) == ["add-column:team_id"]
    assert ids(bench.undo(objects=["teams"])) == ["create-index:idx_teams_name"]
    assert ids(bench.undo(last=5)) == ["create-index:idx_messages_number"]


def test_what_another_change_still_needs_stays(bench: Bench) -> None:
    needing = replace(index("idx_two", "team_id"), requires=("add-column:team_id",))
    bench.apply(plan_of(bench.dsn, add_column(), needing))
    run = bench.undo(phases=[Phase.KEYS])
    assert [outcome.state for outcome in run.outcomes] == [State.LEFT_OUT, State.LEFT_OUT]
    assert "undo: create-index:idx_two" in run.outcomes[1].why
    assert bench.indexes()["idx_two"]
    assert bench.undo().complete


def test_need_goes_through_changes_that_have_no_undo(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, *WHOLE[1:]))
    column = bench.undo(dry_run=True).outcomes[-1].change
    assert column.id == "undo:add-column:team_id"
    assert column.requires == ("undo:check:team_id", "undo:trigger:team_id")


def test_a_dry_run_says_what_would_be_undone(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, index(), add_column()))
    before = bench.value(SCHEMA)
    run = bench.undo(dry_run=True, last=1)
    assert [(each.state, each.change.id) for each in run.outcomes] == [
        (State.TODO, "undo:add-column:team_id"),
        (State.LEFT_OUT, "undo:create-index:idx_messages_number"),
    ]
    assert bench.value(SCHEMA) == before


def test_a_change_that_was_killed_after_its_commit_is_ours(bench: Bench) -> None:
    """The build ends well on the server after its client was killed: the journal knows its beginning only."""
    plan = plan_of(bench.dsn, index())
    with (
        holder(bench, "INSERT INTO messages (thread_id) VALUES (1)"),
        Applier(plan, bench.dsn, bench.folder) as applier,
    ):
        bench.until(BUILD_WAITS)
        applier.process.kill()
        applier.wait()
    bench.until("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'messages'::regclass")
    assert ids(bench.undo()) == ["create-index:idx_messages_number"]


def test_a_dropped_index_is_built_again(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute("CREATE INDEX idx_messages_number ON messages (number)")
    before = bench.value(SCHEMA)
    bench.apply(plan_of(bench.dsn, drop_index("idx_messages_number", index().sql[0])))
    assert "idx_messages_number" not in bench.indexes()
    assert bench.undo().complete
    assert bench.value(SCHEMA) == before


def test_what_a_later_plan_took_back_is_undone_to_the_beginning(bench: Bench) -> None:
    """The first plan builds an index, the second drops it: the drop undone, the index is ours again."""
    before = bench.value(SCHEMA)
    bench.apply(plan_of(bench.dsn, index()))
    bench.apply(plan_of(bench.dsn, drop_index("idx_messages_number", index().sql[0])))
    wanted = ["drop-index:idx_messages_number", "create-index:idx_messages_number"]
    assert ids(bench.undo(dry_run=True), State.TODO) == wanted
    assert ids(bench.undo()) == wanted
    assert bench.value(SCHEMA) == before
    assert bench.undo().outcomes == ()


NUMBER = "FROM pg_attribute WHERE attrelid = to_regclass('public.messages') AND attname = 'number'"


def statistics(target: int, old: int) -> Change:
    """What two plans call by the same name, with another value."""
    alter = "ALTER TABLE public.messages ALTER COLUMN number SET STATISTICS"
    return change(
        "statement",
        "set-statistics:number",
        phase=Phase.SETTINGS,
        done=f"SELECT coalesce(attstattarget, -1) = {target} {NUMBER}",
        sql=(f"{alter} {target}",),
        undo=(f"{alter} {old}",),
    )


def test_two_plans_that_change_the_same_setting_are_undone_to_its_first_value(bench: Bench) -> None:
    target = f"SELECT coalesce(attstattarget, -1) {NUMBER}"
    bench.apply(plan_of(bench.dsn, statistics(500, -1)))
    bench.apply(plan_of(bench.dsn, statistics(1000, 500)))
    assert bench.undo(last=1).complete
    assert bench.value(target) == 500
    assert bench.undo().complete
    assert bench.value(target) == -1


def test_an_undo_that_was_killed_is_finished(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, index()))
    leave_invalid_drop(bench)
    assert bench.indexes()["idx_messages_number"] is False
    assert ids(bench.undo()) == ["create-index:idx_messages_number"]
    assert bench.indexes() == {"messages_pkey": True}


def test_an_undo_keeps_to_the_lock_timeout(bench: Bench) -> None:
    bench.apply(plan_of(bench.dsn, add_column()))
    with holder(bench, "SELECT FROM messages LIMIT 1"):
        run = bench.undo(limits=replace(LIMITS, lock_timeout=0.2, attempts=2))
        assert "blocked by" in run.outcomes[0].why
    assert ids(bench.undo()) == ["add-column:team_id"]


def test_apply_and_undo_exclude_each_other(bench: Bench) -> None:
    caught = []

    def react(event: str) -> None:
        if event == "started" and not caught:
            with pytest.raises(ApplyInProgressError):
                bench.undo()
            caught.append(True)

    bench.events.react = react
    bench.apply(plan_of(bench.dsn, index()))
    assert caught


def test_the_journal_tells_the_whole_story(bench: Bench) -> None:
    failing: Change = replace(add_column(), sql=("SELECT 1/0",))
    bench.apply(plan_of(bench.dsn, index(), failing))
    bench.undo()
    (path,) = bench.folder.iterdir()
    events = [(record.event, record.id) for record in Journal(path).records()]
    assert events == [
        ("started", "create-index:idx_messages_number"),
        ("finished", "create-index:idx_messages_number"),
        ("started", "add-column:team_id"),
        ("failed", "add-column:team_id"),
        ("undoing", "create-index:idx_messages_number"),
        ("undone", "create-index:idx_messages_number"),
    ]
