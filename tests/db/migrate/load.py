"""Writers that go on all the while: each write is numbered, timed, and remembered when acknowledged."""

from __future__ import annotations

import threading
import time
from typing import Self

import psycopg

#: Seconds between two writes of one thread.
PAUSE = 0.004


class WriteLoad:
    """Threads that insert numbered messages and count updates, each write a transaction of its own.

    Leaving the block stops them. A write whose connection broke is uncertain: it is not repeated.
    """

    def __init__(self, dsn: str, threads: int = 3) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(which,)) for which in range(threads)]
        self._lock = threading.Lock()
        self._next = 0
        self.acknowledged: set[int] = set()
        self.uncertain: set[int] = set()
        self.updates = 0
        self.uncertain_updates = 0
        #: Of the longest write that was acknowledged, in seconds.
        self.longest = 0.0
        self.failures: list[BaseException] = []

    def __enter__(self) -> Self:
        with psycopg.connect(self._dsn) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS counters (id int PRIMARY KEY, n int NOT NULL)")
            connection.execute(
                "INSERT INTO counters SELECT g, 0 FROM generate_series(0, %s) g", [len(self._threads) - 1]
            )
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def check(self) -> None:
        """No acknowledged write is lost, none is there twice, and nothing is there that nobody wrote."""
        assert not self.failures, self.failures
        assert self.acknowledged, "the load wrote nothing"
        with psycopg.connect(self._dsn) as connection:
            rows = connection.execute(
                "SELECT number, count(*) FROM messages WHERE number > 0 GROUP BY 1"
            ).fetchall()
            (counted,) = connection.execute("SELECT sum(n) FROM counters").fetchone() or (0,)
        found = dict(rows)
        assert not self.acknowledged - found.keys(), "acknowledged rows were lost"
        assert set(found.values()) == {1}, "rows were written twice"
        assert found.keys() <= self.acknowledged | self.uncertain
        assert self.updates <= counted <= self.updates + self.uncertain_updates

    def _number(self) -> int:
        with self._lock:
            self._next += 1
            return self._next

    def _write(self, which: int) -> None:
        try:
            while not self._stop.is_set():
                try:
                    with psycopg.connect(self._dsn, autocommit=True) as connection:
                        while not self._stop.wait(PAUSE):
                            self._insert(connection)
                            self._update(connection, which)
                except psycopg.OperationalError:
                    self._stop.wait(PAUSE)
        except BaseException as error:  # noqa: BLE001 -- check() tells, in the thread of the test
            self.failures.append(error)

    def _insert(self, connection: psycopg.Connection) -> None:
        number = self._number()
        started = time.monotonic()
        try:
            connection.execute(
                "INSERT INTO messages (thread_id, number, body) VALUES (%s, %s, 'new')",
                [number % 100 + 1, number],
            )
        except psycopg.OperationalError:
            with self._lock:
                self.uncertain.add(number)
            raise
        self._acknowledge(started, number)

    def _update(self, connection: psycopg.Connection, which: int) -> None:
        """Updates old messages too, so that backfill and writers meet on the same rows."""
        started = time.monotonic()
        try:
            with connection.transaction():
                connection.execute("UPDATE counters SET n = n + 1 WHERE id = %s", [which])
                connection.execute(
                    "UPDATE messages SET body = body || '.' WHERE number = ANY (%s)",
                    [[-(self._next * 7 % 997 + 1), -(self._next * 3 % 997 + 1)]],
                )
        except psycopg.OperationalError:
            with self._lock:
                self.uncertain_updates += 1
            raise
        self._acknowledge(started, None)

    def _acknowledge(self, started: float, number: int | None) -> None:
        seconds = time.monotonic() - started
        with self._lock:
            self.longest = max(self.longest, seconds)
            if number is None:
                self.updates += 1
            else:
                self.acknowledged.add(number)
