"""The twin: a snapshot's schema in a private server that is deleted when the twin is left, killed or not."""

from __future__ import annotations

import re
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
from tenfold.twin.schema.collations import NOT_BY_BYTES
from tenfold.twin.schema.write import role_steps
from tenfold.twin.session import TwinSession

Progress = Callable[[str], None]

_DATABASE = "twin"
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
    def stand_ins(self) -> re.Pattern[bytes]:
        """Finds in a plan what stands in for something that the twin lacks."""
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
            missing_roles += self._create_database(server)
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
        self._stand_ins = _calls_of_stand_ins(self.snapshot, self.not_carried)

    def _create_database(self, server: TwinSession) -> list[NotCarried]:
        """With the source's collation, or one that is not by bytes either: it decides what LIKE can use."""
        source = self.snapshot.database
        head = f"CREATE DATABASE {_DATABASE} TEMPLATE template0 STRATEGY FILE_COPY ENCODING 'UTF8'"
        others = (*NOT_BY_BYTES, "C")
        attempts = [f"{head} LOCALE_PROVIDER libc LOCALE {literal(locale)}" for locale in others]
        if source.locale_provider == "b":  # it sorts by bytes, whatever the language
            attempts = [f"{head} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"]
        elif source.locale_provider == "c":
            attempts.insert(0, f"{head} LOCALE_PROVIDER libc LOCALE {literal(source.collation)}")
        reasons = []
        for attempt in attempts:
            if (refused := server.script(attempt)) is None:
                break
            reasons.append(refused)
        else:
            raise TwinError(f"the twin's database cannot be made: {reasons[-1]}")
        if reasons or source.locale_provider == "i":
            wanted = source.locale if source.locale_provider == "i" else source.collation
            why = reasons[0] if reasons else "the embedded server has no ICU"
            return [NotCarried(f"collation {wanted} of the database", why, True)]
        return []

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


def _calls_of_stand_ins(snapshot: Snapshot, missing: tuple[NotCarried, ...]) -> re.Pattern[bytes]:
    """Finds in a plan's JSON a call of what stands in for a function or a policy. A plan that has the schema
    in its search_path names none."""
    stand_ins = {entry.what for entry in missing if entry.stand_in}
    names = {
        identifier(function.name)
        for function in snapshot.functions
        if f"function {function.qualified}" in stand_ins
    }
    written = "|".join(re.escape(name.replace("\\", r"\\").replace('"', r"\"")) for name in sorted(names))
    return re.compile(rf"(?<![\w$])({MISSING_POLICY}|{written or MISSING_POLICY})\(".encode())
