"""The statements to ask about: one, or the named blocks of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tenfold.errors import UsageError, did_you_mean
from tenfold.model.activity import Statement
from tenfold.pg.sqlfile import read_blocks
from tenfold.statements.text import kind_of, parse, title

_WRITES = ("Insert", "Update", "Delete", "Merge", "Lock", "Into")


class Question(msgspec.Struct, frozen=True):
    """One statement of DML, without a semicolon behind it."""

    name: str
    text: str

    @property
    def writes(self) -> bool:
        """Whether any part of it changes or locks rows. Of what cannot be parsed the server decides."""
        kind = kind_of(self.text)
        if kind != "query":
            return True
        from sqlglot import exp

        tree = parse(self.text)
        return tree is not None and tree.find(*(getattr(exp, name) for name in _WRITES)) is not None


def questions_of(text: str) -> tuple[Question, ...]:
    """The statement itself, or those of the file that it names. Raises UsageError."""
    if not text.strip():
        raise UsageError("there is no query; give one in quotes, or a file of SQL")
    file = _file(text)
    if file is None:
        return (_single(text, "query"),)
    return questions_of_file(file)


def questions_of_file(file: Path) -> tuple[Question, ...]:
    """Blocks below lines `-- name: NAME`, or a single statement under the file's name. Raises UsageError."""
    return tuple(_checked(Question(block.name, block.text)) for block in read_blocks(file, single=True))


def questions_of_workload(workload: Sequence[Statement]) -> tuple[Question, ...]:
    """The statements of the configuration's workload file, without utilities."""
    found = tuple(Question(title(each), each.text) for each in workload if kind_of(each.text) != "utility")
    if not found:
        raise UsageError(
            "there is no query: give one, or a file of SQL, or name a [workload] file in tenfold.toml"
        )
    return found


def chosen(questions: Sequence[Question], names: Sequence[str]) -> tuple[Question, ...]:
    """Those of these names, all where there are no names. Raises UsageError for one that is not there."""
    known = {question.name for question in questions}
    for name in names:
        if name not in known:
            raise UsageError(f"no query is named {name!r}{did_you_mean(name, known)}")
    return tuple(question for question in questions if not names or question.name in names)


def _file(text: str) -> Path | None:
    if "\n" in text:
        return None
    path = Path(text)
    try:
        there = path.is_file()
    except (OSError, ValueError):  # no file has a name that long, or with a NUL in it
        return None
    if not there and path.suffix == ".sql" and " " not in text.strip():
        raise UsageError(f"there is no file {text}")
    return path if there else None


def _single(text: str, name: str) -> Question:
    return _checked(Question(name, text.strip().rstrip(";").rstrip()))


def _checked(question: Question) -> Question:
    if kind_of(question.text) == "utility":
        raise UsageError(
            f"{question.name} is no SELECT, INSERT, UPDATE, DELETE or MERGE: only these have a plan"
        )
    return question
