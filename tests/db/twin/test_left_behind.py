"""Twins do not meet each other, and leave no server and no file: closed, interrupted or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.catalog.file import save_snapshot
from tenfold.errors import NotPlannableError, TwinError
from tenfold.pg.embedded.folder import ServerFolder
from tenfold.twin.session import TwinSession
from tenfold.twin.twin import Twin
from tests.db.twin.conftest import Source
from tests.waiting import await_condition

#: Builds a twin at two sizes, says where it is, and waits to be killed.
PARENT = """
import sys
from pathlib import Path
from tenfold.catalog.file import load_snapshot
from tenfold.twin.twin import Twin

with Twin(load_snapshot(Path(sys.argv[1]))) as twin:
    scales = [twin.scale(), twin.scale()]
    print(twin.forks.folder.parent, flush=True)
    sys.stdin.read()
"""


def start(source: Source, snapshot: Path) -> tuple[subprocess.Popen[str], Path]:
    """The process, and the folder of its twin."""
    save_snapshot(source.snapshot, snapshot)
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(snapshot)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def server_pid(folder: Path) -> int:
    postmaster = ServerFolder(folder).ready_postmaster()
    assert postmaster is not None
    return postmaster.pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_ended_parent_leaves_no_server_and_no_file(
    rich: Source, tmp_path: Path, sign: signal.Signals
) -> None:
    process, folder = start(rich, tmp_path / "snapshot.json")
    pid = server_pid(folder)
    assert list((folder / "forks").iterdir())
    process.send_signal(sign)
    process.communicate()
    await_condition(lambda: not alive(pid), "the server's end")
    await_condition(lambda: not folder.exists(), "no file is left")


def test_leaving_a_twin_deletes_it(rich: Source) -> None:
    with Twin(rich.snapshot) as twin:
        twin.scale()
        folder = twin.forks.folder.parent
        assert folder.exists()
    assert not folder.exists()


def test_a_twin_that_cannot_be_built_is_deleted(rich: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def fail(session: TwinSession, *_: object) -> None:
        folders.append(Path(session.rows("SHOW data_directory")[0][0]).parent)
        raise TwinError("no")

    monkeypatch.setattr("tenfold.twin.twin.set_rights", fail)
    with pytest.raises(TwinError, match="no"), Twin(rich.snapshot):
        pass
    (folder,) = folders
    assert not folder.exists()


def test_two_twins_at_once_know_nothing_of_each_other(rich: Source) -> None:
    with Twin(rich.snapshot) as one, Twin(rich.snapshot) as other:
        first, second = one.scale(), other.scale()
        assert one.forks.folder != other.forks.folder
        first.what_if.hide("public", "leads_pkey")
        assert second.explain("SELECT * FROM leads WHERE id = 7").root.index == "leads_pkey"
        assert first.explain("SELECT * FROM leads WHERE id = 7").root.index != "leads_pkey"
        one.close()
        assert second.explain("SELECT * FROM leads WHERE id = 8").root.index == "leads_pkey"


def test_a_dead_server_is_another_fault_than_a_query_that_cannot_be_planned(rich: Source) -> None:
    with Twin(rich.snapshot) as twin:
        scale = twin.scale()
        with pytest.raises(NotPlannableError, match="cannot update view"):
            scale.explain("UPDATE busy SET leads = 1")
        pid = server_pid(twin.forks.folder.parent)
        os.kill(pid, signal.SIGQUIT)
        await_condition(lambda: not alive(pid), "the server's end")
        with pytest.raises(TwinError, match="gave up"):
            scale.explain("SELECT * FROM leads")
