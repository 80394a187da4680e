from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tenfold.errors import OutputError
from tenfold.migrate.journal import Journal
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.finding import Priority


def change(name: str) -> Change:
    return Change(
        id=name,
        kind="statement",
        phase=Phase.KEYS,
        priority=Priority.P1,
        object="messages",
        title=f"do {name}",
        done="SELECT true",
        lock=Lock.ACCESS_EXCLUSIVE,
        sql=("SELECT 1",),
        undo=("SELECT 2",),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.of("0123456789abcdef", tmp_path / "new" / "folder")


def ids(journal: Journal) -> list[str]:
    return [each.id for each in journal.carried_out()]


def test_a_database_without_a_journal_has_nothing_to_undo(journal: Journal) -> None:
    assert journal.carried_out() == ()
    assert not journal.exists


def test_an_object_is_known_for_good(journal: Journal) -> None:
    journal.write("started", change("a"))
    journal.write("undone", change("a"))
    assert journal.exists
    assert journal.objects() == {"messages"}


def test_what_was_begun_is_remembered_whole_and_in_order(journal: Journal) -> None:
    for name in ("b", "a"):
        journal.write("started", change(name))
    assert journal.carried_out() == (change("b"), change("a"))
    assert Journal(journal.path).carried_out() == journal.carried_out()


def test_what_failed_or_was_undone_is_not_ours(journal: Journal) -> None:
    for name in ("failed", "undone", "stays", "undo failed"):
        journal.write("started", change(name))
    journal.write("failed", change("failed"))
    journal.write("undoing", change("undone"))
    journal.write("undone", change("undone"))
    journal.write("undoing", change("undo failed"))
    journal.write("undo failed", change("undo failed"))
    assert ids(journal) == ["stays", "undo failed"]


def test_what_is_begun_again_counts_from_then(journal: Journal) -> None:
    for name in ("a", "b"):
        journal.write("started", change(name))
    journal.write("failed", change("a"))
    journal.write("started", change("a"))
    assert ids(journal) == ["b", "a"]


def test_one_id_with_two_contents_is_two_changes_and_the_later_goes_first(journal: Journal) -> None:
    first, second = change("a"), replace(change("a"), undo=("SELECT 3",))
    for each in (first, second):
        journal.write("started", each)
        journal.write("finished", each)
    assert journal.carried_out() == (first, second)
    journal.write("undone", second)
    assert journal.carried_out() == (first,)
    journal.write("undone", first)
    assert journal.carried_out() == ()


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_passed_over_and_not_written_on(journal: Journal, kept: int) -> None:
    journal.write("started", change("a"))
    whole = journal.path.read_bytes()
    journal.write("started", change("torn"))
    torn = journal.path.read_bytes()[len(whole) :].rstrip(b"\n")[:kept]
    journal.path.write_bytes(whole + torn)
    assert ids(journal) == ["a"]
    journal.write("started", change("b"))
    assert ids(journal) == ["a", "b"]


def test_a_last_line_that_lacks_only_its_end_counts(journal: Journal) -> None:
    journal.write("started", change("a"))
    journal.path.write_bytes(journal.path.read_bytes().rstrip(b"\n"))
    journal.write("started", change("b"))
    assert ids(journal) == ["a", "b"]


def test_only_its_owner_may_read_it(journal: Journal) -> None:
    journal.write("started", change("a"))
    assert journal.path.stat().st_mode & 0o077 == 0


def test_each_database_has_its_own(tmp_path: Path) -> None:
    Journal.of("a" * 16, tmp_path).write("started", change("a"))
    assert Journal.of("b" * 16, tmp_path).carried_out() == ()


def test_the_users_state_folder_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Journal.of("a" * 16).path == tmp_path / "tenfold" / "journal" / f"{'a' * 16}.jsonl"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"event": "started"}', "is not one of Tenfold's"),
        ('{"event": "undone", "at": "", "id": "a", "change": null, "version": 2}', "by a later Tenfold"),
    ],
)
def test_a_journal_that_cannot_be_understood_is_refused(journal: Journal, line: str, message: str) -> None:
    journal.write("started", change("a"))
    with journal.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(OutputError, match=message):
        journal.carried_out()


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be read"):
        Journal(tmp_path).records()
