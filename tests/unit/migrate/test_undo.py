from __future__ import annotations

from msgspec.structs import replace

from tenfold.migrate.inverse import inverse
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.finding import Priority

COLUMN = Change(
    id="add-column",
    kind="statement",
    phase=Phase.KEYS,
    priority=Priority.P1,
    object="messages",
    title="Add a column",
    done="SELECT true AND false",
    lock=Lock.ACCESS_EXCLUSIVE,
    sql=("ALTER TABLE t ADD a int",),
    undo=("ALTER TABLE t DROP a", "DROP FUNCTION f()"),
)


def test_the_inverse_runs_the_undo_and_is_done_where_the_change_is_not() -> None:
    reverted = inverse(COLUMN)
    assert reverted.sql == COLUMN.undo
    assert reverted.done == "SELECT NOT coalesce((SELECT true AND false), false)"
    assert (reverted.kind, reverted.phase, reverted.object) == ("statement", Phase.KEYS, "messages")


def test_dependents_are_reverted_before() -> None:
    assert inverse(COLUMN, before={"undo:b", "undo:a"}).requires == ("undo:a", "undo:b")


def test_an_index_is_gone_only_when_nothing_of_it_is_left() -> None:
    build = replace(
        COLUMN,
        kind="build",
        index=("app", "Idx"),
        undo=('DROP INDEX CONCURRENTLY app."Idx"',),
        transactional=False,
    )
    assert inverse(build).done == "SELECT pg_catalog.to_regclass('app.\"Idx\"') IS NULL"
    assert inverse(build).kind == "build"
    rebuilt = inverse(replace(build, undo=('CREATE INDEX CONCURRENTLY "Idx" ON app.t (a)',)))
    assert "indisvalid" in rebuilt.done
