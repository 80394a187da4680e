"""The twin: a snapshot's schema in a private server that is deleted when the twin is left, killed or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Self

from tenfold.errors import TwinError
from tenfold.model.ddl import identifier, literal
from tenfold.model.snapshot import Snapshot
from tenfold.model.twin import NotCarried
from tenfold.pg.embedded import EmbeddedServer
from tenfold.twin.build import build_schema
from tenfold.twin.catalog import insert_foreign_keys, read_oids, set_rights
from tenfold.twin.extended import load_extended_statistics
from tenfold.twin.forks import Forks
from tenfold.twin.names import MISSING_POLICY, TWIN_ROLE
from tenfold.twin.place import twin_folder
from tenfold.twin.scale import Scale
from tenfold.twin.schema.write import role_steps
from tenfold.twin.session import TwinSession

Progress = Callable[[str], None]

_DATABASE = "twin"
# Locales that the server does not take for the order of bytes, and that most machines have.
_LIKE_LANGUAGES = ("en_US.UTF-8", "C.UTF-8", "C.utf8")
#: A schema is made in transactions that hold thousands of locks.
_SETTINGS: dict[str, str | int | bool] = {
    "autovacuum": False,
    "max_locks_per_transaction": 1024,
    "max_connections": 50,
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "jit": False,
}


class Twin:
    """The schema, roles, policies and functions of a snapshot, at any number of sizes.

        with Twin(snapshot) as twin:
            scale = twin.scale()
            scale.explain("SELECT * FROM leads WHERE team_id = 7", role="app")

    Raises TwinError where it cannot be built, and EmbeddedServerError.
    """

    def __init__(self, snapshot: Snapshot, progress: Progress | None = None) -> None:
        self.snapshot = snapshot
        #: What the twin lacks of its source.
        self.not_carried: tuple[NotCarried, ...] = ()
        #: Whether the twin's server knows a setting, by name; filled as they are asked for.
        self.known_settings: dict[str, bool] = {}
        self._progress = progress
        self._server = EmbeddedServer.temporary(parent=twin_folder(snapshot), settings=_SETTINGS)
        self._scales: list[Scale] = []

    def __enter__(self) -> Self:
        self._server.start()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server and deletes it."""
        for scale in self._scales:
            scale.rest()
        self._server.close()

    def scale(self, snapshot: Snapshot | None = None) -> Scale:
        """A size beside the others, each in a database of its own: the twin's own, or that of a grown one."""
        scale = Scale(self, self._new_database())
        self._scales.append(scale)
        scale.load(snapshot or self.snapshot)
        return scale

    # --- for its scales ------------------------------------------------------------------------------

    def session(self, database: str) -> TwinSession:
        return TwinSession(self._server.dsn(database, user=TWIN_ROLE))

    @cached_property
    def forks(self) -> Forks:
        return Forks(self._server.folder, self._server.data_folder)

    @property
    def stand_ins(self) -> tuple[bytes, ...]:
        """Names that a plan shows where something stands in for what the twin lacks."""
        return self._stand_ins

    # --- building ------------------------------------------------------------------------------------

    def _build(self) -> None:
        first = TwinSession(self._server.dsn())
        first.script(f"CREATE ROLE {TWIN_ROLE} SUPERUSER LOGIN")
        first.close()
        server = self.session("postgres")
        try:
            # The source may have a role of that name, and it need not be a superuser.
            server.script(f"ALTER ROLE postgres RENAME TO {TWIN_ROLE}_first")
            missing_roles = [
                NotCarried(step.makes, refused)
                for step in role_steps(self.snapshot)
                if (refused := server.script(step.sql)) is not None
            ]
            self._create_database(server)
        finally:
            server.close()
        session = self.session(_DATABASE)
        try:
            missing = build_schema(session, self.snapshot, self._progress)
            self.oids = read_oids(session)
            missing += insert_foreign_keys(session, self.snapshot, self.oids)
            missing += load_extended_statistics(session, self.snapshot)
            set_rights(session, self.snapshot, self.oids)
        finally:
            session.close()
        self.not_carried = (*missing_roles, *missing)
        self._stand_ins = (MISSING_POLICY.encode(), *_functions_standing_in(self.not_carried))

    def _create_database(self, server: TwinSession) -> None:
        """With the source's collation, or one that is not by bytes either: it decides what LIKE can use."""
        wanted = self.snapshot.database.collation
        for locale in (wanted, *_LIKE_LANGUAGES, "C"):
            refused = server.script(
                f"CREATE DATABASE {_DATABASE} TEMPLATE template0 STRATEGY FILE_COPY ENCODING 'UTF8'"
                f" LOCALE_PROVIDER libc LOCALE {literal(locale)}"
            )
            if refused is None:
                break
        else:
            raise TwinError(f"the twin's database cannot be made: {refused}")

    def _new_database(self) -> str:
        if not self._scales:
            return _DATABASE
        name = f"{_DATABASE}_{len(self._scales) + 1}"
        for scale in self._scales:
            scale.rest()  # no session may be in a database that is copied
        server = self.session("postgres")
        try:
            refused = server.script(
                f"CREATE DATABASE {identifier(name)} TEMPLATE {_DATABASE} STRATEGY FILE_COPY"
            )
        finally:
            server.close()
        if refused is not None:
            raise TwinError(f"the twin cannot be copied: {refused}")
        return name


def _functions_standing_in(missing: tuple[NotCarried, ...]) -> list[bytes]:
    return [
        entry.what.removeprefix("function ").partition("(")[0].encode()
        for entry in missing
        if entry.stand_in and entry.what.startswith("function ")
    ]
