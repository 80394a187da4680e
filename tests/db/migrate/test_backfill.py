"""Backfills: every pending row and no other, whatever the key, beside writers that hold rows."""

from __future__ import annotations

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from tenfold.migrate.apply import apply
from tenfold.migrate.retry import Backoff
from tenfold.migrate.run import State
from tenfold.migrate.site import connector
from tenfold.model.change import Backfill, Change
from tests.db.migrate.bench import Bench, holder
from tests.db.migrate.changes import LIMITS, add_column, change, fill, plan_of

FEW = replace(LIMITS, lock_timeout=0.3, attempts=2, backoff=Backoff(first=0.01))
PENDING = "SELECT count(*) FROM messages WHERE team_id IS NULL"


@pytest.fixture
def column(bench: Bench) -> Bench:
    assert bench.apply(plan_of(bench.dsn, add_column())).complete
    bench.events.told.clear()
    return bench


def filling(batch_rows: int = 5_000) -> Change:
    return replace(fill(batch_rows), requires=())


@pytest.mark.servers(15, 16, 18)
@pytest.mark.parametrize("batch_rows", [1, 7, 5_000])
def test_fills_every_row_in_batches(column: Bench, batch_rows: int) -> None:
    with column.connect() as connection:
        connection.execute("DELETE FROM messages WHERE number < -100")
    assert column.apply(plan_of(column.dsn, filling(batch_rows))).complete
    assert column.value(PENDING) == 0
    assert column.events.progresses[-1].done == 100
    assert len(column.events.progresses) >= 100 / batch_rows


def test_rows_that_are_filled_already_are_not_written(column: Bench) -> None:
    with column.connect() as connection:
        connection.execute("UPDATE messages SET team_id = 10 WHERE number > -500")
        before = connection.execute(
            "SELECT id, xmin::text FROM messages WHERE number > -500 ORDER BY id"
        ).fetchall()
        assert column.apply(plan_of(column.dsn, filling())).complete
        after = connection.execute(
            "SELECT id, xmin::text FROM messages WHERE number > -500 ORDER BY id"
        ).fetchall()
    assert before == after
    assert column.events.progresses[-1].done == 501


def test_walks_keys_of_several_columns_types_and_odd_names(bench: Bench) -> None:
    with bench.connect() as connection:
        connection.execute('CREATE SCHEMA "Odd é"')
        connection.execute("""CREATE TYPE "Odd é".mood AS ENUM ('sad', 'glad')""")
        connection.execute(
            'CREATE TABLE "Odd é"."select % $1" ("a b" uuid, "order" "Odd é".mood, at timestamptz,'
            ' code char(5), n numeric(12, 3), team_id int, PRIMARY KEY ("a b", "order", at, code, n))'
        )
        connection.execute(
            """INSERT INTO "Odd é"."select % $1"
               SELECT md5((n / 3)::text)::uuid, (ARRAY['sad', 'glad'])[n % 2 + 1]::"Odd é".mood,
                      '2026-01-01'::timestamptz + n * interval '1 microsecond', 'c' || n % 7, n / 7.0
                 FROM generate_series(1, 500) n
               UNION ALL SELECT md5('x')::uuid, 'sad', 'infinity', '', 1"""
        )
    task = Backfill(
        table_sql='"Odd é"."select % $1"',
        key_columns=("a b", "order", "at", "code", "n"),
        update="""UPDATE "Odd é"."select % $1" AS child SET team_id = 5 % 3 WHERE child.team_id IS NULL""",
        pending="child.team_id IS NULL",
        batch_rows=33,
    )
    odd = change(
        "backfill",
        "odd",
        done="""SELECT NOT EXISTS (SELECT FROM "Odd é"."select % $1" WHERE team_id IS NULL)""",
        backfill=task,
    )
    assert bench.apply(plan_of(bench.dsn, odd)).complete
    assert bench.value(
        sql.SQL('SELECT array_agg(DISTINCT team_id) FROM "Odd é"."select % $1"').as_string()
    ) == [2]
    assert bench.events.progresses[-1].done == 501


def test_does_not_wait_for_a_row_that_somebody_holds_until_no_other_is_left(column: Bench) -> None:
    with holder(column, "UPDATE messages SET body = 'held' WHERE number = -1") as writer:
        pending_when_blocked = []

        def react(event: str) -> None:
            if event == "blocked":
                pending_when_blocked.append(column.value(PENDING))
                writer.execute("COMMIT")

        column.events.react = react
        assert column.apply(plan_of(column.dsn, filling()), limits=replace(LIMITS, lock_timeout=20)).complete
        assert {each.pid for each in column.events.blockers} == {writer.info.backend_pid}
    assert pending_when_blocked[0] == 1
    assert column.value("SELECT body FROM messages WHERE number = -1") == "held"


def test_a_row_that_stays_held_names_its_holder(column: Bench) -> None:
    with holder(column, "UPDATE messages SET body = 'held' WHERE number = -1"):
        run = column.apply(plan_of(column.dsn, filling()), limits=FEW)
    assert run.outcomes[0].state is State.FAILED
    assert "given up after 2 tries: blocked by" in run.outcomes[0].why
    assert "night report" in run.outcomes[0].why
    assert column.value(PENDING) == 1
    assert column.apply(plan_of(column.dsn, filling())).complete


def test_rows_that_the_update_does_not_reach_are_a_failure(column: Bench) -> None:
    with column.connect() as connection:
        connection.execute("ALTER TABLE messages DROP CONSTRAINT messages_thread_id_fkey")
        connection.execute("UPDATE messages SET thread_id = 12345 WHERE number > -4")
    run = column.apply(plan_of(column.dsn, filling(100)))
    assert run.outcomes[0].why == "3 rows of public.messages stay as they are: the update does not reach them"
    assert column.value(PENDING) == 3


def test_rows_that_keep_coming_are_a_failure(column: Bench) -> None:
    column.events.react = lambda event: (
        event == "progress"
        and column.value(
            "WITH new AS (INSERT INTO messages (thread_id) VALUES (1) RETURNING 1) SELECT count(*) FROM new"
        )
    )
    run = column.apply(plan_of(column.dsn, filling()), limits=replace(LIMITS, passes=3))
    assert run.outcomes[0].why.startswith("new rows without a value keep coming into public.messages")


def test_batches_shrink_where_rows_take_long(column: Bench) -> None:
    """Each row takes 5 ms: the first batch would hold its rows for 5 s, and must not for more than 0.3 s."""
    slow = replace(filling().backfill, update=filling().backfill.update + " AND pg_sleep(0.005) IS NOT NULL")
    with column.connect() as connection:
        connection.execute("DELETE FROM messages WHERE number < -300")
    run = column.apply(plan_of(column.dsn, replace(filling(), backfill=slow)), limits=FEW)
    assert run.complete
    steps = [each.done for each in column.events.progresses]
    assert steps[-1] == 300
    assert max(b - a for a, b in zip([0, *steps], steps, strict=False)) <= 0.3 / 0.005


def test_triggers_find_their_tables_as_they_do_for_the_application(column: Bench) -> None:
    with column.connect() as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.log (message bigint)")
        connection.execute(
            "CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END $$;"
            "CREATE TRIGGER note AFTER UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION app.note()"
        )
    column.set_search_path("app, public")
    assert column.apply(plan_of(column.dsn, filling())).complete
    assert column.value("SELECT count(*) FROM app.log") == 1_000


def test_a_role_that_policies_hide_rows_from_is_refused(column: Bench) -> None:
    """It would find nothing to do, and NOT NULL would come upon the rows that it did not see."""
    with column.connect() as connection:
        role = f"migrator_{connection.info.dbname}"
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(
            f"ALTER TABLE messages OWNER TO {role}; GRANT ALL ON threads TO {role};"
            "ALTER TABLE messages ENABLE ROW LEVEL SECURITY; ALTER TABLE messages FORCE ROW LEVEL SECURITY"
        )
    plan = plan_of(column.dsn, filling())
    dsn = psycopg.conninfo.make_conninfo(column.dsn, user=role)
    run = apply(
        plan, connector(dsn, LIMITS), observer=column.events, journal_folder=column.folder, limits=LIMITS
    )
    with column.connect() as connection:
        connection.execute(f"ALTER TABLE messages OWNER TO postgres; DROP OWNED BY {role}; DROP ROLE {role}")
    assert run.outcomes[0].state is State.FAILED
    assert "row-level security" in run.outcomes[0].why
