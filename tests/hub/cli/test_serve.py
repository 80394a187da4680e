"""`tenfold hub serve`, as a process: what it says when it cannot, what it makes first, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tenfold.pg.embedded import EmbeddedServer
from tenfold_hub.cli.ready import require_ready
from tenfold_hub.migrate import head, migrate, revisions
from tenfold_hub.roles import ROLES, create_roles
from tenfold_hub.settings import PREFIX, Settings
from tests.hub.conftest import SECRET
from tests.waiting import await_condition

HUB = [sys.executable, "-m", "tenfold.cli.main", "hub"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HUB, *arguments], capture_output=True, text=True, env=os.environ | environment)


@contextmanager
def serving(*options: str, environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that answers, and its address."""
    port = free_port()
    process = subprocess.Popen(
        [*HUB, "serve", "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, process.communicate()
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            return False

    try:
        await_condition(answers, "the server")
        yield process, address
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that it says."""
    assert result.returncode == 2, result
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0].removeprefix("tenfold: ")


# --- a fresh machine ---------------------------------------------------------------------------------


def test_a_first_start_makes_everything_and_a_second_says_where_it_is(reachable_path: Path) -> None:
    home = {"XDG_DATA_HOME": str(reachable_path)}
    with serving(environment=home) as (process, address):
        ready = httpx.get(f"{address}/ready")
        assert (ready.status_code, ready.json()["migrations"]) == (200, head())
        another = run("key", "--organization", "demo", "--scopes", "companies:read", **home)
        assert another.returncode == 0, another.stderr
        narrow = {"Authorization": f"Bearer {another.stdout.strip()}"}
        assert httpx.get(f"{address}/v1/companies", headers=narrow).json()["items"]
        assert httpx.get(f"{address}/v1/people", headers=narrow).status_code == 403
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    key = out.strip()
    assert re.fullmatch(r"hub_\S+", key)
    assert "has 300 people. Its key, shown this once:" in err
    assert "Traceback" not in err
    assert process.returncode == 0
    assert not EmbeddedServer.open(reachable_path / "tenfold" / "hub" / "server").running
    with serving(environment=home) as (process, address):
        people = httpx.get(
            f"{address}/v1/people?count=capped", headers={"Authorization": f"Bearer {key}"}
        ).json()
        assert len(people["items"]) == 50
        page = httpx.get(f"{address}/docs", timeout=60).text
        assert not re.search(r"https?://", page)
        for file in re.findall(r'(?:href|src)="(/docs/[^"]+)"', page):
            assert httpx.get(f"{address}{file}").status_code == 200, file
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert out == ""
    assert "The organization demo is there; another key: tenfold hub key --organization demo" in err
    assert "PostgreSQL 18 runs in" in err
    assert process.returncode == 0


def test_ctrl_c_while_its_workers_begin_ends_it(settings: Settings) -> None:
    process = subprocess.Popen(
        [*HUB, "serve", "--port", str(free_port()), "--database", settings.database],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {f"{PREFIX}SECRET": SECRET},
        start_new_session=True,
    )
    try:
        await_condition(lambda: _worker_of(process), "a worker")
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, said
    assert "Traceback" not in said


def _worker_of(process: subprocess.Popen[str]) -> bool:
    """Whether it has forked: a child of the same command line."""
    assert process.poll() is None, process.communicate()
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(each.read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and each.with_name("cmdline").read_bytes() == command:
                return True
        except OSError:  # it has ended
            continue
    return False


# --- what would not work -----------------------------------------------------------------------------


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(run("serve", "--port", str(taken.getsockname()[1])))
    assert said.endswith("cannot be listened on (Address already in use); give --port or --host")


def test_a_secret_that_is_missing(settings: Settings) -> None:
    said = refused(run("serve", "--port", str(free_port()), "--database", settings.database))
    assert said.startswith("the secret of a hub is at least 32 random bytes")
    assert f"{PREFIX}SECRET" in said


def test_a_database_that_is_not_there() -> None:
    said = refused(
        run(
            *("serve", "--port", str(free_port()), "--database", "postgresql://127.0.0.1:1/none"),
            **{f"{PREFIX}SECRET": SECRET},
        )
    )
    assert "cannot connect" in said


@pytest.mark.parametrize("place", [None, 2])
def test_a_database_that_is_not_migrated(database: str, place: int | None) -> None:
    create_roles(database)
    if place is not None:
        migrate(database, to=revisions()[place])
    settings = Settings(database=make_conninfo(database, user=ROLES.application), secret=SECRET)
    with pytest.raises(Exception, match="run: tenfold hub migrate DSN"):
        require_ready(settings)


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("postgres", "the role postgres is a superuser, .*; serve as hub_app$"),
        (ROLES.owner, "the role hub_owner owns the hub's tables; serve as hub_app"),
    ],
)
def test_a_role_that_would_not_be_bound(owner: str, role: str, why: str) -> None:
    with pytest.raises(Exception, match=why):
        require_ready(Settings(database=make_conninfo(owner, user=role), secret=SECRET))


def test_a_redis_that_is_not_there(settings: Settings) -> None:
    for url, why in (("redis://127.0.0.1:1/0", "Redis cannot be used: .*refused"), ("nothing", "--redis: ")):
        told = Settings(database=settings.database, secret=SECRET, redis=url)
        with pytest.raises(Exception, match=why):
            require_ready(told)


def test_what_is_as_it_must_be(settings: Settings) -> None:
    assert require_ready(settings) == head()


# --- ready -------------------------------------------------------------------------------------------


async def test_it_is_not_ready_on_a_database_of_another_form(owner: str, app: httpx.ASGITransport) -> None:
    async with httpx.AsyncClient(transport=app, base_url="http://hub") as client:
        assert (await client.get("/ready")).json() == {"status": "ok", "database": "ok", "migrations": head()}
        with psycopg.connect(owner) as connection:
            connection.execute("UPDATE hub_migrations.migrations SET version_num = '0001'")
        unready = await client.get("/ready")
        assert (unready.status_code, unready.json()["migrations"]) == (503, f"at 0001, needs {head()}")
        assert (await client.get("/health")).json() == {"status": "ok"}
