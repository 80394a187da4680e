"""An apply in a process of its own, which may be killed: `-m tests.db.migrate.applier PLAN DSN FOLDER`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import msgspec

from tenfold.errors import TenfoldError
from tenfold.migrate.apply import apply
from tenfold.migrate.observer import PlainObserver
from tenfold.migrate.site import connector
from tenfold.model.change import Phase, Plan
from tests.db.migrate.changes import LIMITS

ROOT = Path(__file__).parents[3]


class Applier:
    """The process, started on entry and killed at the end; what it wrote, line by line."""

    def __init__(self, plan: Plan, dsn: str, folder: Path) -> None:
        self._file = folder / "plan.json"
        self._file.write_bytes(msgspec.json.encode(plan))
        self._dsn, self._folder = dsn, folder
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.db.migrate.applier", self._file, self._dsn, self._folder],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        code = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())


def main(plan_file: str, dsn: str, folder: str) -> int:
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=Plan)
    try:
        run = apply(
            plan,
            connector(dsn, LIMITS),
            observer=PlainObserver(print),
            phases=tuple(Phase),
            journal_folder=Path(folder),
            limits=LIMITS,
        )
    except TenfoldError as error:
        print(f"{type(error).__name__}: {error.message}")
        return 2
    return 0 if run.complete else 1


if __name__ == "__main__":
    # What a shell starts in the background ignores Ctrl-C, and so do the processes that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(*sys.argv[1:]))
