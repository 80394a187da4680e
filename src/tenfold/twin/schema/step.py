"""One statement that makes one object of the twin."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One statement."""

    sql: str
    #: What it makes, as people say it: `function app.team()`.
    makes: str
    #: What to do where the server refuses it, once everything else stands; the first that it takes.
    instead: tuple[str, ...] = ()


class Stage(NamedTuple):
    """Statements that do not need each other, mostly: what fails is tried again after the later ones."""

    name: str
    steps: tuple[Step, ...]
