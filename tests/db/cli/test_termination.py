"""SIGTERM, as `kill`, systemd and container runtimes send it, ends a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenfold.cli.main import TERMINATED
from tests.db.migrate.bench import BUILD_WAITS, Bench, holder

SCHEMA = """
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE messages (id bigint PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams);
"""


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "TENFOLD_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def terminated(process: subprocess.Popen[str]) -> str:
    """What it says on standard error when it is told to end."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == TERMINATED == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    return said.strip()


def test_apply_puts_back_what_was_under_way(database: str, tmp_path: Path) -> None:
    bench = Bench(database, tmp_path)
    with bench.connect() as connection:
        connection.execute(SCHEMA)
    before = bench.indexes()
    with (
        holder(bench, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"),
        command(tmp_path, "apply", database, "--yes", "--journal", str(tmp_path)) as process,
    ):
        bench.until(BUILD_WAITS)
        said = terminated(process)
    assert said == (
        "tenfold: interrupted after 0 changes: what was under way was taken back; "
        "run the same command again to go on"
    )
    assert bench.indexes() == before


def test_the_demo_stops_its_server(reachable_path: Path) -> None:
    with command(reachable_path, "demo", "--scale", "0.01") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert servers_in(reachable_path)
        said = terminated(process)
    assert said == "tenfold: interrupted; nothing more was done"
    assert servers_in(reachable_path) == []


def test_a_demo_that_keeps_its_server_says_how_to_stop_it(reachable_path: Path) -> None:
    with command(reachable_path, "demo", "--scale", "0.01", "--keep") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == TERMINATED
    (server,) = servers_in(reachable_path)
    hint = f"tenfold server stop --folder {server}"
    try:
        assert hint in said
    finally:
        subprocess.run([sys.executable, "-m", *hint.split()], check=True, capture_output=True)
    assert servers_in(reachable_path) == []


def servers_in(cache: Path) -> list[Path]:
    """Folders of the servers that run."""
    return [file.parents[1] for file in cache.rglob("postmaster.pid")]
