"""A query comes as text, from a file of one, or from a file of many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.errors import UsageError
from tenfold.explain.questions import Question, chosen, questions_of


def test_a_query_in_quotes() -> None:
    assert questions_of(" SELECT 1 ;\n") == (Question("query", "SELECT 1"),)


def test_a_file_of_one_statement_has_its_name(tmp_path: Path) -> None:
    file = tmp_path / "inbox.sql"
    file.write_text("-- what waits\nSELECT 1;\n")
    (found,) = questions_of(str(file))
    assert found.name == "inbox"


def test_a_file_of_named_statements(tmp_path: Path) -> None:
    file = tmp_path / "all.sql"
    file.write_text("-- name: a\nSELECT 1;\n-- name: b\nSELECT 2;\n")
    found = questions_of(str(file))
    assert [question.name for question in found] == ["a", "b"]
    assert chosen(found, ["b"]) == found[1:]
    with pytest.raises(UsageError, match="no query is named 'c'"):
        chosen(found, ["c"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"-- name: a\n", "names no statement"),
        (b"\xff", "not UTF-8"),
        (b"-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n", "taken already"),
        (b"VACUUM", "is no SELECT"),
        (b"", "is no SELECT"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "all.sql"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        questions_of(str(file))


@pytest.mark.parametrize(
    ("text", "said"), [("", "no query"), ("no-such.sql", "no file"), ("DROP TABLE t", "is no SELECT")]
)
def test_what_is_no_query_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        questions_of(text)


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("SELECT 1", False),
        ("SELECT * FROM t FOR UPDATE", True),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False),
        ("SELECT * INTO t2 FROM t", True),
        ("UPDATE t SET a = 1", True),
    ],
)
def test_whether_it_writes(text: str, writes: bool) -> None:
    assert Question("q", text).writes is writes
