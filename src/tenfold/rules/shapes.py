"""Reads the shapes of statements, each text once for a database."""

from __future__ import annotations

from tenfold.model.snapshot import Snapshot
from tenfold.rules.subject import Subject
from tenfold.statements.shape import Shape
from tenfold.statements.text import parse


class Shapes:
    """Shapes of statements on one database, each text read once. Made by `subject.once(shapes_of)`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[str, Shape | None] = {}

    def of(self, text: str) -> Shape | None:
        """The shape of a SELECT, INSERT, UPDATE, DELETE or MERGE; None for any other and where unknown."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Shape | None:
        tree = parse(text)
        if tree is None:
            return None
        from tenfold.statements.reader import read_shape

        return read_shape(tree, self._snapshot)


def shapes_of(subject: Subject) -> Shapes:
    return Shapes(subject.snapshot)
