"""One test's database with apply and undo on it, and what stands in their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tenfold.migrate.apply import apply
from tenfold.migrate.observer import Blocker, Progress
from tenfold.migrate.run import Run
from tenfold.migrate.site import connector
from tenfold.migrate.undo import undo
from tenfold.model.change import Change, Plan
from tests.db.migrate.changes import LIMITS
from tests.waiting import await_condition

#: In a statement on pg_stat_activity: the sessions of apply in this database.
OURS = "application_name = 'tenfold apply' AND datname = current_database()"
#: Whether a concurrent build in this database waits for somebody.
BUILD_WAITS = (
    "SELECT count(*) > 0 FROM pg_stat_progress_create_index"
    " WHERE current_locker_pid > 0 AND datname = current_database()"
)


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
        return apply(plan, connector(self.dsn, LIMITS), **self._options(options))

    def undo(self, **options: Any) -> Run:
        return undo(connector(self.dsn, LIMITS), **self._options(options))

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.dsn, autocommit=True, **options)

    def value(self, query: str, *parameters: Any) -> Any:
        with self.connect() as connection:
            row = connection.execute(query, parameters or None).fetchone()
            return row[0] if row else None

    def set_search_path(self, path: str) -> None:
        """Of every new session in this database."""
        with self.connect() as connection:
            name = connection.info.dbname
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET search_path = " + path).format(sql.Identifier(name))
            )

    def has_column(self, name: str) -> bool:
        """Whether messages has the column."""
        return bool(
            self.value(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'messages'::regclass AND attname = %s",
                name,
            )
        )

    def has_lock(self, mode: str) -> bool:
        """Whether somebody holds messages in this mode."""
        held = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND mode = %s AND granted"
        return bool(self.value(held, "messages", mode))

    def indexes(self) -> dict[str, bool]:
        """The indexes of messages, and whether each is valid."""
        with self.connect() as connection:
            return dict(
                connection.execute(
                    "SELECT indexrelid::regclass::text, indisvalid FROM pg_index"
                    " WHERE indrelid = 'messages'::regclass"
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


@contextmanager
def holder(bench: Bench, statement: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A session that is idle in a transaction after the statement."""
    with bench.connect(application_name="night report") as connection:
        connection.execute("BEGIN")
        connection.execute(statement)
        try:
            yield connection
        finally:
            connection.close()  # leaving the block as it is would commit
