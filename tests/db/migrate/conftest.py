from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenfold.migrate.apply import apply
from tenfold.migrate.observer import Blocker, Progress
from tenfold.migrate.run import Run
from tenfold.migrate.undo import undo
from tenfold.model.change import Change, Plan
from tests.db.migrate.changes import LIMITS, connect_to, load


class Events:
    """Remembers what an apply told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.blockers: list[Blocker] = []
        self.progresses: list[Progress] = []
        #: Called at each event, in the thread that applies.
        self.react: Callable[[str], None] = lambda event: None

    def started(self, change: Change, position: int, count: int) -> None:
        self._tell("started", change.id)

    def progress(self, change: Change, progress: Progress) -> None:
        self.progresses.append(progress)
        self._tell("progress", change.id)

    def blocked(self, change: Change, blockers: tuple[Blocker, ...]) -> None:
        self.blockers.extend(blockers)
        self._tell("blocked", change.id)

    def retrying(self, change: Change, why: str, delay: float, failures: int, attempts: int) -> None:
        self._tell("retrying", why)

    def finished(self, change: Change, seconds: float) -> None:
        self._tell("finished", change.id)

    def skipped(self, change: Change, why: str) -> None:
        self._tell("skipped", why)

    def failed(self, change: Change, why: str) -> None:
        self._tell("failed", why)

    def note(self, text: str) -> None:
        self._tell("note", text)

    def of(self, event: str) -> list[str]:
        return [what for name, what in self.told if name == event]

    def _tell(self, event: str, what: str) -> None:
        self.told.append((event, what))
        self.react(event)


class Bench:
    """One test's database, and apply and undo on it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder
        self.events = Events()

    def apply(self, plan: Plan, **options: Any) -> Run:
        return apply(plan, connect_to(self.dsn), **self._options(options))

    def undo(self, **options: Any) -> Run:
        return undo(connect_to(self.dsn), **self._options(options))

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.dsn, autocommit=True, **options)

    def value(self, query: str, *parameters: Any) -> Any:
        with self.connect() as connection:
            row = connection.execute(query, parameters or None).fetchone()
            return row[0] if row else None

    def indexes(self) -> dict[str, bool]:
        """The indexes of messages, and whether each is valid."""
        with self.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'messages'::regclass"
                ).fetchall()
            )

    def until(self, query: str, *parameters: Any) -> None:
        """Waits until the query is true."""
        with self.connect() as connection:
            await_condition(
                lambda: (connection.execute(query, parameters or None).fetchone() or (False,))[0], query
            )

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"observer": self.events, "journal_folder": self.folder, "limits": LIMITS, **options}


def await_condition(holds: Callable[[], Any], what: object = "") -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.01)


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Iterator[Bench]:
    load(database)
    yield Bench(database, tmp_path)
