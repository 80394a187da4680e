"""Observers are told what a database did, each thing once, and no value."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import NotCommittedError, PoolTimeoutError
from tenfold.runtime import Database, PoolSettings, Session


class Diary:
    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        assert acquire >= 0 and begin > 0
        self.entries.append(("entered", session.tenant))

    def missed(self, tenant: object, seconds: float, error: BaseException) -> None:
        assert seconds > 0
        self.entries.append(("missed", tenant, type(error)))

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        assert seconds > 0
        self.entries.append((statement, getattr(error, "sqlstate", None)))

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        assert seconds > 0
        self.entries.append(("left", committed))

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        raise AssertionError("there is no cache here")


async def test_each_step_is_told_in_its_order(notes: str, driver: Any) -> None:
    diary = Diary()
    async with Database(notes, driver=driver, observers=[diary]) as db, db.tenant(7) as session:
        await session.fetch_value("SELECT $1::text", "a secret")
        await session.execute("DELETE FROM notes WHERE id = $1", 1)
    assert diary.entries == [
        ("entered", 7),
        ("SELECT $1::text", None),
        ("DELETE FROM notes WHERE id = $1", None),
        ("left", True),
    ]


async def test_failures_are_told_with_their_error(notes: str, driver: Any) -> None:
    diary = Diary()
    async with Database(notes, driver=driver, observers=[diary]) as db:
        with pytest.raises(ZeroDivisionError):
            async with db.tenant(7):
                raise ZeroDivisionError
        with pytest.raises(NotCommittedError):
            async with db.tenant(8) as session:
                with pytest.raises(Exception, match="division by zero"):
                    await session.fetch("SELECT 1 / 0")
    assert diary.entries == [
        ("entered", 7),
        ("left", False),
        ("entered", 8),
        ("SELECT 1 / 0", "22012"),
        ("left", False),
    ]


async def test_a_session_that_gets_no_connection_is_told(notes: str, driver: Any) -> None:
    diary = Diary()
    one = PoolSettings(min_size=1, max_size=1, acquire_timeout=0.01)
    async with Database(notes, driver=driver, pool=one, observers=[diary]) as db, db.tenant(7):
        with pytest.raises(PoolTimeoutError):
            async with db.tenant(8):
                pass
    assert diary.entries == [("entered", 7), ("missed", 8, PoolTimeoutError), ("left", True)]


async def test_rows_that_are_copied_are_told(notes: str, driver: Any) -> None:
    diary = Diary()
    async with Database(notes, driver=driver, observers=[diary]) as db, db.tenant(7) as session:
        await session.execute("CREATE TEMPORARY TABLE staged (n int)")
        await session.copy_records(("staged",), ["n"], [(1,), (2,)])
    assert ('COPY "staged" FROM STDIN', None) in diary.entries


async def test_all_observers_are_told(notes: str) -> None:
    one, other = Diary(), Diary()
    async with Database(notes, observers=[one, other]) as db, db.tenant(7) as session:
        await session.fetch("SELECT 1")
    assert one.entries == other.entries != []


async def test_a_guard_learns_when_the_database_opens_and_may_refuse(notes: str, driver: Any) -> None:
    class Refuses:
        tables = 0

        async def learn(self, connection: Any) -> None:
            ((self.tables,),) = await connection.fetch(
                "SELECT count(*) FROM pg_class WHERE relname = 'notes'", ()
            )

        def check(self, session: Session, statement: str, parameters: Any) -> None:
            if parameters != (7,):
                raise PermissionError(statement)

    guard = Refuses()
    async with Database(notes, driver=driver, guard=guard) as db, db.tenant(7) as session:
        assert guard.tables == 1
        assert len(await session.fetch("SELECT * FROM notes WHERE team_id = $1", 7)) == 10
        with pytest.raises(PermissionError):
            await session.execute("DELETE FROM notes")
        assert await session.fetch_value("SELECT count(*) FROM notes WHERE team_id = $1", 7) == 10
