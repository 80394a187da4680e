"""The folder of one server: what is in it, who may change it, and what it says of the server.

It holds `data` (the cluster), `server.conf`, `server.log`, and three lock files. Whoever changes the server's
state holds `change.lock`; every user holds `users.lock` together with the others; the keeper, which is the
server's parent process, holds `keeper.lock` and ends the server when no user is left.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from pathlib import Path
from typing import NamedTuple

from tenfold.errors import EmbeddedServerError
from tenfold.pg.embedded.cache import make_folder
from tenfold.pg.embedded.locks import is_locked, lock, try_lock


class Postmaster(NamedTuple):
    """What a running server says of itself in postmaster.pid (src/include/utils/pidfile.h)."""

    pid: int
    port: int
    socket_folder: Path
    ready: bool


class KeeperPids(NamedTuple):
    """What the keeper writes into its lock file."""

    keeper: int
    server: int


class ServerFolder:
    """Paths and state of one server's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.log = path / "server.log"
        self.password = path / "password"
        self.change = path / "change.lock"
        self.users = path / "users.lock"
        self.keeper = path / "keeper.lock"
        self.detached = path / "detached"
        "exists while the server is to run on without users"
        self._temporary = path / "temporary"

    def make(self, *, temporary: bool) -> None:
        """Make it unless it is there. Never take over, or come to delete, a folder of something else."""
        if not self.path.is_dir() or not any(self.path.iterdir()):
            make_folder(self.path)
            if temporary:
                self._temporary.touch()
        elif not self.change.exists() and not self._temporary.exists():
            raise EmbeddedServerError(f"{self.path} holds other files; name an empty folder for the server")
        if temporary and not self._temporary.exists():
            raise EmbeddedServerError(f"{self.path} holds a server whose data is kept; name another one")

    def delete(self) -> None:
        """Another process may sweep it at the same time: once unlinked, our locks keep nobody out."""
        while self.path.exists():
            shutil.rmtree(self.path, onerror=_unless_others_delete)

    @property
    def kept(self) -> bool:
        """Whether a keeper lives here, and with it, for all we know, a server."""
        return is_locked(self.keeper)

    def keeper_pids(self) -> KeeperPids | None:
        """None when there is no keeper, or it has not started the server yet."""
        if not self.kept:
            return None
        pids = self.keeper.read_text().split()
        return KeeperPids(int(pids[0]), int(pids[1])) if len(pids) == 2 else None

    def await_keeper_gone(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # it may delete the folder as it goes
            lock(self.keeper, shared=True).release()

    def ready_postmaster(self) -> Postmaster | None:
        """The server if it accepts connections. A crashed server's file may say so, too: the pid tells."""
        pids, file = self.keeper_pids(), self._postmaster_file()
        return file if pids and file and file.ready and file.pid == pids.server else None

    def recycled_pid(self) -> int | None:
        """The pid in a dead server's postmaster.pid when another program has got it meanwhile, else None.

        PostgreSQL would take that program for its rival. A postmaster works in its data folder. Only Linux
        shows that to us; elsewhere PostgreSQL refuses, and its message names the file and the pid.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            return pid if Path(f"/proc/{pid}/cwd").readlink() != self.data.resolve() else None
        except (OSError, IndexError, ValueError):
            return None

    def _postmaster_file(self) -> Postmaster | None:
        """None when there is none, or it is not written to its end."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return Postmaster(int(lines[0]), int(lines[3]), Path(lines[4]), lines[7].strip() == "ready")
        except (FileNotFoundError, IndexError, ValueError):
            return None


def _unless_others_delete(_function: object, _path: str, error: tuple[object, BaseException, object]) -> None:
    failure = error[1]
    if not (isinstance(failure, OSError) and failure.errno in (errno.ENOENT, errno.ENOTEMPTY)):
        raise failure


def sweep(parent: Path) -> None:
    """Delete what is left of temporary servers whose keeper was killed with them, or the machine."""
    for marker in parent.glob("*/temporary"):
        folder = ServerFolder(marker.parent)
        with contextlib.ExitStack() as held, contextlib.suppress(FileNotFoundError):
            for path in (folder.change, folder.users, folder.keeper):
                taken = try_lock(path)
                if taken is None:
                    break
                held.enter_context(taken)
            else:
                folder.delete()
