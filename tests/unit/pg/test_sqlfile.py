from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.pg.capabilities import Capabilities
from tenfold.pg.sqlfile import Query, load_queries, parse_blocks


def test_blocks_are_named_described_and_end_before_their_semicolon() -> None:
    first, second = parse_blocks(
        """
-- What this file is about.
/* and more
of it */
-- name: first
-- Reads one,
-- and says so.
SELECT 1
  -- a comment of the statement's own
  , 'a;b';

-- name: second
SELECT 2 ;
"""
    )
    assert first == Query(
        "first", "Reads one, and says so.", "SELECT 1\n  -- a comment of the statement's own\n  , 'a;b'"
    )
    assert second == Query("second", "", "SELECT 2")


def test_a_name_may_hold_spaces() -> None:
    assert [block.name for block in parse_blocks("-- name:  inbox by bucket \nSELECT 1")] == [
        "inbox by bucket"
    ]


def test_lines_may_end_as_on_windows() -> None:
    (block,) = parse_blocks("-- name: first\r\n-- Reads.\r\nSELECT 1;\r\n")
    assert block == Query("first", "Reads.", "SELECT 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;", "a statement is not named"),
        ("SELECT 1;\n-- name: second\nSELECT 2", "a statement is not named"),
        ("-- name:\nSELECT 1", "names nothing"),
        ("-- name: first\n-- name: second\nSELECT 2", "'first' names no statement"),
        ("-- name: first\n-- only talk\n;\n", "'first' names no statement"),
        ("-- name: first\nSELECT 1\n-- name: first\nSELECT 2", "the name 'first' is taken already"),
    ],
)
def test_what_would_be_lost_in_silence_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_blocks(text)


def test_a_file_of_comments_has_no_blocks() -> None:
    assert parse_blocks("-- nothing yet\n\n/* or ever */\n") == []


def test_alternatives_are_decided_by_the_servers_version() -> None:
    query = Query(
        "q",
        "",
        "SELECT /*if last_scan*/ x.last_scan /*else*/ NULL /*end*/, 1 /*if security_invoker*/, 2 /*end*/",
    )
    assert query.asks == {"last_scan", "security_invoker"}
    assert query.text_for(Capabilities(160_000)).split() == "SELECT x.last_scan , 1 , 2".split()
    assert query.text_for(Capabilities(140_000)).split() == "SELECT NULL , 1".split()


def test_an_unknown_alternative_cannot_be_decided() -> None:
    with pytest.raises(KeyError):
        Query("q", "", "SELECT /*if telepathy*/ 1 /*end*/").text_for(Capabilities(180_000))


# --- files of a package ---


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "a_package_of_queries"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop(folder.name, None)
    load_queries.cache_clear()


def test_all_sql_files_of_the_folder_are_read(package: Path) -> None:
    (package / "sql" / "a.sql").write_text("-- name: one\nSELECT 1")
    (package / "sql" / "b.sql").write_text("-- name: two\nSELECT 2")
    (package / "sql" / "notes.txt").write_text("not SQL")
    assert {name: query.text for name, query in load_queries(package.name).items()} == {
        "one": "SELECT 1",
        "two": "SELECT 2",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: one\nSELECT 2", "b.sql: the name 'one' is taken already"),
        ("-- name: two\n/*if telepathy*/ SELECT 2 /*end*/", "b.sql: two asks for unknown capabilities"),
        ("SELECT 2", "b.sql: a statement is not named"),
    ],
)
def test_a_mistake_names_its_file(package: Path, text: str, said: str) -> None:
    (package / "sql" / "a.sql").write_text("-- name: one\nSELECT 1")
    (package / "sql" / "b.sql").write_text(text)
    with pytest.raises(ValueError, match=said):
        load_queries(package.name)
