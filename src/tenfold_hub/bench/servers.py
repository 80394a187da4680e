"""Servers that are measured: each a process of its own, ended with the block."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tenfold.errors import UsageError
from tenfold_hub.settings import Settings

#: Seconds that one may take to answer first, and to end.
_PATIENCE = 60.0


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """`target` is what granian serves; a factory makes an application when it is called."""

    name: str
    target: str
    factory: bool = False
    #: Where it is imported from, besides what is installed.
    folder: Path | None = None


HUB = Contender(name="hub", target="tenfold_hub.worker:application", factory=True)


def contenders(folder: Path) -> list[Contender]:
    """The hub, and those that are found in the folder."""
    beside = {"bare": "bare ASGI and asyncpg", "fastapi_sqlalchemy": "FastAPI and SQLAlchemy"}
    return [
        HUB,
        *(
            Contender(name=name, target="app:application", folder=folder / each)
            for each, name in beside.items()
            if (folder / each / "app.py").is_file()
        ),
    ]


@contextlib.contextmanager
def served(contender: Contender, settings: Settings) -> Iterator[int]:
    """The port that it listens on, once it answers. Raises UsageError for one that does not."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(settings.workers), "--log-level", "warning"]
    command += ["--factory"] if contender.factory else []
    process = subprocess.Popen(
        [*command, contender.target],
        env=os.environ | settings.environment(),
        cwd=contender.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is ours: we end it.
        start_new_session=True,
    )
    try:
        _await(process, port, contender.name)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise UsageError(f"{name} could not be served: it ended at once; start it by hand to see why")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise UsageError(f"{name} did not answer within {_PATIENCE:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
