"""Sends requests to one server by wrk for some seconds, and says how many were answered, and how fast."""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from tenfold.errors import UsageError

Kind = Literal["get", "list", "create", "batch", "expanded", "search", "counted"]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run. Times are seconds; `failed` are answers that were none, or not 2xx."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second that were answered as they should be."""
        return (self.requests - self.failed) / self.seconds


def wrk() -> str:
    """Where it is. Raises UsageError where it is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise UsageError("requests are sent by wrk, which is not installed: apt-get install wrk")
    return found


def send(port: int, key: str, kind: Kind, ids: Path, *, connections: int, seconds: int) -> Load:
    """Raises UsageError for a server that does not answer."""
    with resources.as_file(resources.files(__package__) / "load.lua") as script:
        done = subprocess.run(
            [
                wrk(),
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout=30s",
                f"--header=Authorization: Bearer {key}",
                f"--script={script}",
                f"http://127.0.0.1:{port}",
                "--",
                kind,
                str(time.time_ns()),
                str(ids),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(f"wrk could not send requests: {said[-1] if said else 'it said nothing'}")
    return read(done.stdout)


def read(text: str) -> Load:
    """What the script says at the end."""
    return msgspec.json.decode(text.strip().splitlines()[-1], type=Load)


def typical(loads: list[Load]) -> Load:
    """The run of the median rate."""
    middle = median(sorted(load.rate for load in loads))
    return min(loads, key=lambda load: abs(load.rate - middle))
