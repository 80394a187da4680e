"""Loads made-up organizations: each in one transaction, some side by side, a table at a time by COPY.

An organization is there whole or not at all, and one that is there stays as it is: what was interrupted goes
on where it stopped when the same is asked for again.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import psycopg
from psycopg import sql

from tenfold.errors import ApplyInterruptedError, PrivilegeError, TenfoldError
from tenfold_hub.migrate import require_head, translated
from tenfold_hub.seeding import commerce, crm, people, search
from tenfold_hub.seeding import vocabulary as words
from tenfold_hub.seeding.batch import DAY, DAYS, Batch, Maker, Rows, moment
from tenfold_hub.seeding.skew import sizes

#: What each domain adds, in the order of their references.
MAKERS: tuple[Maker, ...] = (
    people.rows,
    crm.companies,
    crm.contacts,
    crm.tags,
    crm.deals,
    commerce.rows,
)
#: What makes them searchable: most of the rows, and more time than all others together.
SEARCH: tuple[Maker, ...] = (search.rows,)
_BATCH = 5_000

_ORGANIZATION = """
INSERT INTO identity.organizations (id, slug, name, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (slug) DO NOTHING RETURNING id
"""
_DONE = "SELECT count(*) FROM identity.organizations WHERE id = ANY(%s::uuid[])"
_RIGHTS = "SELECT rolsuper, rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user"


class SeedError(TenfoldError):
    """The organizations could not be made; what is finished stays, and the same command goes on."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    organizations: int
    persons: int
    skew: float = 1.0
    seed: int = 1
    #: The end of time, in milliseconds.
    until: int
    #: Whether search finds what is made.
    searched: bool = True

    def made(self) -> list[Organization]:
        """The largest first."""
        return [
            self._organization(place, persons)
            for place, persons in enumerate(sizes(self.organizations, self.persons, self.skew))
        ]

    def _organization(self, place: int, persons: int) -> Organization:
        first = words.FIRST_OF_COMPANY[place * 37 % len(words.FIRST_OF_COMPANY)]
        name = f"{first} {words.SECOND_OF_COMPANY[place * 23 % len(words.SECOND_OF_COMPANY)]}"
        slug = f"{name.lower().replace(' ', '-')}-{self.seed}-{place + 1:04}"
        seed = f"{self.seed}/{place}"
        id = Batch("", seed, 0, 0, 1, self.until).shared("organization", place)
        return Organization(id, slug, name, persons, seed)


class Organization(NamedTuple):
    id: str
    slug: str
    name: str
    persons: int
    #: What its rows depend on, besides the end of time.
    seed: str


class Loaded(NamedTuple):
    """Organizations that were made now, that were there before, and rows that were made."""

    made: int
    there: int
    rows: int


#: Told of as many persons more.
Told: TypeAlias = Callable[[int], None]


def load(dsn: str, plan: Plan, told: Told, workers: int | None = None) -> Loaded:
    """Makes what is not there yet, then has the server look at the tables.

    Raises PrivilegeError for a role that policies bind, SeedError where processes end, what `translated` says
    of the server, and on Ctrl-C ApplyInterruptedError, which says what is left.
    """
    replica = _require_free(dsn)
    todo = plan.made()
    workers = min(workers or os.cpu_count() or 1, len(todo))
    made = rows = 0
    try:
        with contextlib.closing(_side_by_side(dsn, plan, todo, workers, replica=replica)) as events:
            for kind, count, lines in events:
                rows += lines
                made += kind == "made"
                told(count)
    except KeyboardInterrupt as stop:
        raise _interrupted(dsn, todo) from stop
    if made:
        _analyze(dsn)
    return Loaded(made, len(todo) - made, rows)


def _interrupted(dsn: str, todo: Sequence[Organization]) -> ApplyInterruptedError:
    with _connect(dsn) as connection:
        (done,) = connection.execute(_DONE, [[each.id for each in todo]]).fetchone() or (0,)
    return ApplyInterruptedError(
        f"interrupted: {done} of {len(todo)} organizations are there, each with all of its rows; the same"
        f" command makes the other {len(todo) - done}"
    )


def make(
    connection: psycopg.Connection[Any],
    organization: Organization,
    until: int,
    *,
    searched: bool = True,
    told: Callable[[int, int], None] = lambda _, __: None,
) -> bool:
    """One organization with all that it has, within a transaction; False where its slug is taken."""
    begin = moment(until - DAYS * DAY)
    named = [organization.id, organization.slug, organization.name, begin, begin]
    if connection.execute(_ORGANIZATION, named).fetchone() is None:
        return False
    made: dict[str, set[str]] = {}
    for first in range(0, organization.persons, _BATCH):
        count = min(_BATCH, organization.persons - first)
        batch = Batch(organization.id, organization.seed, first, count, organization.persons, until, made)
        lines = 0
        for maker in MAKERS + (SEARCH if searched else ()):
            for rows in maker(batch):
                _copy(connection, rows)
                lines += len(rows.lines)
        told(count, lines)
    return True


def _copy(connection: psycopg.Connection[Any], rows: Rows) -> None:
    if not rows.lines:
        return
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*rows.table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(rows.lines).encode())


def _require_free(dsn: str) -> bool:
    """Whether foreign keys may rest while rows come that refer to each other rightly: a superuser's right."""
    with _connect(dsn) as connection:
        require_head(connection)
        superuser, free = connection.execute(_RIGHTS).fetchone() or (False, False)
    if not free:
        raise PrivilegeError(
            "row-level security binds this role, and COPY does not go past it; seed as a superuser,"
            " or as a role with BYPASSRLS that may write to all tables"
        )
    return bool(superuser)


def _analyze(dsn: str) -> None:
    with _connect(dsn) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_catalog.pg_tables"
            " WHERE schemaname IN ('identity', 'crm', 'commerce') ORDER BY 1, 2"
        ).fetchall()
        for name in names:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*name)))


@contextlib.contextmanager
def _connect(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        translated(),
        psycopg.connect(dsn, autocommit=True, application_name="tenfold hub seed") as connection,
    ):
        connection.execute("SET statement_timeout = 0")
        yield connection


# --- side by side ------------------------------------------------------------------------------------

_Event: TypeAlias = tuple[str, int, int]


def _side_by_side(
    dsn: str, plan: Plan, todo: Sequence[Organization], workers: int, *, replica: bool
) -> Generator[_Event]:
    """Events of all workers: of a batch, of an organization that is made, or was there."""
    context = multiprocessing.get_context("spawn")
    tasks: Any = context.Queue()
    told: Any = context.Queue()
    for organization in todo:
        tasks.put(organization)
    for _ in range(workers):
        tasks.put(None)
    started = [
        context.Process(target=_work, args=(dsn, plan, tasks, told, replica), daemon=True)
        for _ in range(workers)
    ]
    for process in started:
        process.start()
    left = len(todo)
    try:
        while left:
            try:
                event = told.get(timeout=1)
            except queue.Empty:
                if not any(process.is_alive() for process in started):
                    raise SeedError("the processes that make rows ended; what was finished stays") from None
                continue
            if event[0] == "failed":
                raise SeedError(event[1])
            left -= event[0] in ("made", "there")
            yield event
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def _work(dsn: str, plan: Plan, tasks: Any, told: Any, replica: bool) -> None:
    # Ctrl-C reaches all processes of a terminal; the first of them ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A batch is some hundred thousand objects, and no cycles.
    gc.set_threshold(100_000, 20, 20)
    try:
        with _connect(dsn) as connection:
            while (task := tasks.get()) is not None:
                organization = Organization(*task)
                with connection.transaction():
                    if replica:
                        connection.execute("SET LOCAL session_replication_role = replica")
                    new = make(
                        connection,
                        organization,
                        plan.until,
                        searched=plan.searched,
                        told=lambda count, rows: told.put(("batch", count, rows)),
                    )
                told.put(("made", 0, 0) if new else ("there", organization.persons, 0))
    except TenfoldError as error:
        told.put(("failed", error.message, 0))
