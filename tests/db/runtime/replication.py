"""A streaming replica of an embedded server, made by pg_basebackup."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tenfold.pg.embedded import EmbeddedServer
from tests.conftest import patient
from tests.waiting import await_condition


class StandbyServer:
    """It runs as the account of the primary, below a folder which that account may enter."""

    def __init__(self, primary: EmbeddedServer, folder: Path) -> None:
        self._folder = folder
        self._primary = primary
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        owner = primary.data_folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        self._as: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        self._run("pg_basebackup", "-d", primary.dsn(), "-D", self._data, "-R", "-X", "stream", "-c", "fast")
        self.start()

    def start(self) -> None:
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                self._primary.binaries.program("postgres"),
                *("-D", self._data, "-c", f"unix_socket_directories={self._folder}"),
                *("-c", "listen_addresses=", "-c", "port=5432", "-c", "fsync=off"),
                *("-c", f"hba_file={self._primary.folder / 'pg_hba.conf'}", "-c", "hot_standby_feedback=on"),
                *("-c", "wal_retrieve_retry_interval=50ms", "-c", "shared_buffers=16MB"),
            ],
            cwd="/",
            stdout=log,
            stderr=log,
            **self._as,
        )
        log.close()
        await_condition(self._answers, "a replica that answers")

    def dsn(self, database: str, user: str = "postgres") -> str:
        return patient(f"host={self._folder} dbname={database} user={user}")

    def ask(self, statement: str) -> Any:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
            return row[0] if row else None

    def pause(self) -> None:
        self.ask("SELECT pg_wal_replay_pause()")
        await_condition(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()") == "paused", "a pause")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")

    def promote(self) -> None:
        assert self.ask("SELECT pg_promote(true, 60)")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with contextlib.suppress(psycopg.OperationalError):
            return self.ask("SELECT true") is True
        return False

    def _run(self, program: str, *words: object) -> None:
        subprocess.run(
            [self._primary.binaries.program(program), *map(str, words)],
            check=True,
            cwd="/",
            capture_output=True,
            **self._as,
        )


@contextlib.contextmanager
def standby(primary: EmbeddedServer, base: Path) -> Iterator[StandbyServer]:
    folder = base / secrets.token_hex(6)
    folder.mkdir()
    folder.chmod(0o711)
    server = StandbyServer(primary, folder)
    try:
        yield server
    finally:
        server.kill()
