"""Behind PgBouncer: a reader leaves nothing on a connection of the application's, a writer is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tenfold.catalog.reader import read_snapshot
from tenfold.errors import UsageError
from tenfold.pg.connect import connect
from tenfold.pg.embedded import EmbeddedServer
from tests.waiting import await_condition

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="sharing of PostgreSQL connections: pgbouncer is not here; install that package"
)

#: What differs from a connection's beginning. A pooler sets these anew for each client.
CHANGED = """
SELECT name, setting FROM pg_settings
 WHERE source = 'session'
   AND name NOT IN ('application_name', 'client_encoding', 'transaction_isolation', 'transaction_read_only',
                    'transaction_deferrable')
"""


@contextlib.contextmanager
def pooler(
    server: EmbeddedServer, folder: Path, mode: str, size: int = 1, user: str = "", **settings: object
) -> Iterator[int]:
    """PgBouncer's port. It runs as the account that may enter the server's socket folder, and connects as
    `user`, or else as the server's owner.
    """
    assert PROGRAM is not None
    at = conninfo_to_dict(server.dsn())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    options = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": mode,
        "default_pool_size": size,
        **settings,
    }
    lines = [f"{name} = {value}" for name, value in options.items()]
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={at['host']} port={at['port']} user={user or at['user']}\n[pgbouncer]\n"
        + "\n".join(lines)
        + "\n"
    )
    configuration.chmod(0o644)
    process = subprocess.Popen(
        [PROGRAM, "--quiet", configuration],
        user=server.data_folder.stat().st_uid if os.geteuid() == 0 else None,
        cwd="/",
        stderr=subprocess.PIPE,
    )
    try:
        _await_port(port, process)
        yield port
    finally:
        process.terminate()
        process.communicate()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert process.poll() is None, process.communicate()[1]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    await_condition(answers, "pooler")


def through(port: int, database: str) -> str:
    return f"host=127.0.0.1 port={port} user=anyone dbname={conninfo_to_dict(database)['dbname']}"


def left_behind(dsn: str) -> list[tuple[str, str]]:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as application:
        return application.execute(CHANGED).fetchall()


def test_a_snapshot_through_a_shared_connection_leaves_no_setting(
    server: EmbeddedServer, database: str, reachable_path: Path
) -> None:
    with pooler(server, reachable_path, "transaction") as port:
        dsn = through(port, database)
        with contextlib.closing(connect(dsn)) as reader:
            seen = read_snapshot(reader)
        assert seen.database.name == conninfo_to_dict(database)["dbname"]
        assert left_behind(dsn) == []
        with psycopg.connect(dsn, autocommit=True) as application:
            application.execute("CREATE TABLE still_writable ()")


def test_a_reader_that_fails_leaves_no_setting(
    server: EmbeddedServer, database: str, reachable_path: Path
) -> None:
    with pooler(server, reachable_path, "transaction") as port:
        dsn = through(port, database)
        reader = connect(dsn)
        reader.execute("SELECT 1")  # leaves a transaction open; the pooler ends its connection
        reader.close()
        assert left_behind(dsn) == []


@pytest.mark.parametrize("order", [0, 1], ids=["last in first out", "round robin"])
def test_a_writer_is_refused_on_a_shared_connection_before_it_sets_anything(
    server: EmbeddedServer, database: str, reachable_path: Path, order: int
) -> None:
    with pooler(server, reachable_path, "transaction", size=4, server_round_robin=order) as port:
        dsn = through(port, database)
        with psycopg.connect(dsn) as one, psycopg.connect(dsn) as two, psycopg.connect(dsn) as three:
            for application in (one, two, three):  # in transactions at once: the pool has three connections
                application.execute("SELECT 1")
        with pytest.raises(
            UsageError, match=r"a pooler .* shares its connections; connect to the server itself"
        ):
            connect(dsn, writable=True)
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                application = stack.enter_context(psycopg.connect(dsn))
                assert application.execute(CHANGED).fetchall() == []


def test_a_writer_may_work_through_a_pooler_that_keeps_sessions_apart(
    server: EmbeddedServer, database: str, reachable_path: Path
) -> None:
    with pooler(server, reachable_path, "session", size=4) as port:
        dsn = through(port, database)
        with contextlib.closing(connect(dsn, writable=True)) as writer:
            assert writer.info.backend_pid != writer.execute("SELECT pg_backend_pid()").fetchone()[0]
            writer.execute("CREATE TABLE made ()")
        assert left_behind(dsn) == []
