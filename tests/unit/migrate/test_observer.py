from __future__ import annotations

import msgspec
import pytest

from tenfold.migrate.observer import Blocker, PlainObserver, Progress
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.finding import Priority

CHANGE = Change(
    id="a",
    kind="build",
    phase=Phase.INDEXES,
    priority=Priority.P0,
    object="messages",
    title="Build index idx_a",
    done="SELECT true",
    lock=Lock.SHARE_UPDATE_EXCLUSIVE,
)


@pytest.mark.parametrize(
    ("blocker", "spoken"),
    [
        (
            Blocker(12, "app", "web", "client backend", "idle in transaction", 61.4, "SELECT"),
            "pid 12 (role app, application 'web', idle in transaction for 61 s, statement SELECT)",
        ),
        (
            Blocker(12, None, None, "autovacuum worker", "active", 3.0, None),
            "autovacuum worker 12 (active for 3 s)",
        ),
        (Blocker(12, None, None, None, None, None, None), "pid 12"),
        (
            Blocker(0, None, None, "prepared transaction", None, None, None),
            "a prepared transaction (see pg_prepared_xacts)",
        ),
    ],
)
def test_a_blocker_is_named_by_what_may_be_seen_of_it(blocker: Blocker, spoken: str) -> None:
    assert str(blocker) == spoken


def test_a_failure_is_told_with_what_to_know_of_it() -> None:
    lines: list[str] = []
    PlainObserver(lines.append).failed(msgspec.structs.replace(CHANGE, note="such rows: ..."), "it broke")
    assert lines == ["    failed: it broke", "    note: such rows: ..."]


def test_plain_lines_tell_the_story() -> None:
    lines: list[str] = []
    observer = PlainObserver(lines.append)
    observer.started(CHANGE, 3, 12)
    for done in range(0, 101, 2):
        observer.progress(CHANGE, Progress("scanning table", done, 100, "blocks"))
    observer.progress(CHANGE, Progress("waiting for writers", 0, None, "transactions"))
    observer.retrying(CHANGE, "blocked by pid 7", 1.25, 2, 12)
    observer.finished(CHANGE, 4.2)
    assert lines[0] == "[3/12] Build index idx_a"
    assert lines[1] == "    scanning table: 0 of 100 blocks"
    assert len([line for line in lines if "scanning" in line]) == 11
    assert lines[-3:] == [
        "    waiting for writers: 0 transactions",
        "    try 2 of 12 failed: blocked by pid 7; again in 1.2 s",
        "    done in 4.2 s",
    ]
