"""Starting a server: its files, its socket, its keeper."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.errors import EmbeddedServerError
from tenfold.pg.embedded import keeper
from tenfold.pg.embedded.account import check_entry, give, server_environment
from tenfold.pg.embedded.cluster import complaint, create_cluster, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenfold.pg.embedded.account import Account
    from tenfold.pg.embedded.binaries import Binaries
    from tenfold.pg.embedded.cluster import Setting
    from tenfold.pg.embedded.folder import ServerFolder

_SOCKET_PATH_BYTES = 103  # macOS allows 103, Linux 107: sun_path without its final zero


def launch(
    folder: ServerFolder,
    binaries: Binaries,
    account: Account | None,
    settings: Mapping[str, Setting],
    *,
    port: int | None,
    durable: bool,
    temporary: bool,
) -> None:
    """Make the cluster if there is none, and start a keeper. It starts the server, which is not awaited."""
    check_entry(folder.path, account)
    create_cluster(folder.data, binaries, account, durable=durable)
    socket_folder = _make_socket_folder(folder.path, account)
    conf = write_settings(
        folder.path, folder.data, binaries, settings, socket_folder=socket_folder, port=port, durable=durable
    )
    if folder.log.exists():
        folder.log.replace(folder.log.with_name("server.log.old"))
    environment = server_environment()
    if recycled := folder.recycled_pid():
        # The way in which pg_ctl, too, tells the server of a pid that is not a rival's
        # (CreateLockFile in src/backend/utils/init/miscinit.c).
        environment["PG_GRANDPARENT_PID"] = str(recycled)
    _run_keeper(
        keeper.Order(
            folder=str(folder.path),
            command=[binaries.program("postgres"), "-D", str(folder.data), "-c", f"config_file={conf}"],
            environment=environment,
            log=str(folder.log),
            account=(account.uid, account.gid) if account else None,
            socket_folder=str(socket_folder),
            temporary=temporary,
        )
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _run_keeper(order: keeper.Order) -> None:
    """Start the keeper, which has left us and holds its lock when this returns."""
    if not sys.executable:
        raise EmbeddedServerError("the embedded server needs a Python interpreter to watch over it")
    started = subprocess.run(
        [sys.executable, "-I", "-S", keeper.__file__, json.dumps(order)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        check=False,
    )
    if started.returncode != 0:
        raise EmbeddedServerError(f"the server's keeper did not start: {complaint(started.stderr.decode())}")


def _make_socket_folder(folder: Path, account: Account | None) -> Path:
    """A folder for the socket that only the server's account may enter, with a path that is short enough."""
    chosen = _socket_path(folder)
    with contextlib.suppress(FileExistsError):
        chosen.mkdir(mode=0o700)
        give(chosen, account)
    found = chosen.lstat()
    owner = account.uid if account else os.geteuid()
    if not chosen.is_dir() or chosen.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
        raise EmbeddedServerError(f"{chosen} is in the way of the server's socket; remove it")
    return chosen


def _socket_path(folder: Path) -> Path:
    short = f"tenfold-{sha256(os.fsencode(folder)).hexdigest()[:16]}"
    for candidate in (folder / "run", Path(tempfile.gettempdir()) / short):
        length = len(os.fsencode(candidate / ".s.PGSQL.65535"))
        if length <= _SOCKET_PATH_BYTES and "," not in str(candidate):  # to libpq a comma ends a host
            return candidate
    raise EmbeddedServerError(
        "the path of the temporary folder is too long for a socket, or has a comma; set TMPDIR"
    )
