"""An outbox, a role that publishes, a role that dispatches, and a consumer that writes down what it got."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.runtime import Database
from tenfold.runtime.outbox import Dispatcher, Event, Outbox, create_sql
from tests.waiting import until


@pytest.fixture
def dispatcher_role(database: str) -> Iterator[str]:
    name = f"dispatcher_{secrets.token_hex(6)}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def made(database: str, role: str, dispatcher_role: str) -> str:
    """The outbox is there; the owner's connection string."""
    with psycopg.connect(database) as owner:
        for statement in create_sql(application_role=role, dispatcher_role=dispatcher_role):
            owner.execute(statement)  # type: ignore[arg-type]
    return database


@pytest.fixture
async def app(made: str, role: str, driver: Any) -> AsyncIterator[Database]:
    async with Database(make_conninfo(made, user=role), driver=driver) as db:
        yield db


@pytest.fixture
async def across(made: str, dispatcher_role: str, driver: Any) -> AsyncIterator[Database]:
    """Connected as the dispatcher's role, which policies bind, too."""
    async with Database(make_conninfo(made, user=dispatcher_role), driver=driver) as db:
        yield db


@pytest.fixture
def outbox(app: Database) -> Outbox:
    return Outbox(app)


@pytest.fixture
def owner(made: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser, whom no policy binds."""
    with psycopg.connect(made, autocommit=True) as connection:
        yield connection


class Witness:
    """A consumer. It fails where `failing` says so of the event, and waits where a gate is shut."""

    def __init__(self) -> None:
        self.got: list[Event] = []
        self.failing: Callable[[Event], bool] = lambda event: False
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0

    async def __call__(self, event: Event) -> None:
        self.begun += 1
        await self.gate.wait()
        if self.failing(event):
            raise RuntimeError(f"secret of {event.key}")
        self.got.append(event)

    @property
    def payloads(self) -> list[Any]:
        return [event.payload for event in self.got]

    def by_key(self) -> dict[tuple[Any, str], list[Any]]:
        found: dict[tuple[Any, str], list[Any]] = defaultdict(list)
        for event in self.got:
            found[event.tenant, event.key].append(event.payload)
        return dict(found)

    async def has(self, number: int) -> None:
        await until(lambda: len(self.got) >= number, f"{number} events, there are {len(self.got)}")


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
async def dispatch(across: Database, outbox: Outbox, witness: Witness) -> AsyncIterator[Any]:
    """Starts a dispatcher of the topic `t`, that is stopped at the end of the test."""
    async with AsyncExitStack() as running:

        async def start(consumers: Any = None, **settings: Any) -> Dispatcher:
            settings = {"poll": 0.05, "lease": 20.0, **settings}
            dispatcher = Dispatcher(across, outbox, consumers or {"t": witness}, **settings)
            return await running.enter_async_context(dispatcher)

        yield start


async def count(db: Database, table: str) -> int:
    async with db.system("counts") as session:
        return int(await session.fetch_value(f"SELECT count(*) FROM outbox.{table}"))
