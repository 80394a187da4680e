from __future__ import annotations

import contextlib
import gzip
import json
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tenfold.catalog.file import VERSION, load_snapshot, save_snapshot, write_whole
from tenfold.errors import OutputError, SnapshotFileError
from tenfold.model.activity import Statement
from tenfold.model.relations import Column, ColumnStatistics, Constraint, Index, Relation
from tenfold.model.roles import Role
from tenfold.model.snapshot import Hidden, Snapshot
from tests.unit.rules.build import DATABASE, SERVER

AWKWARD = 'Größe 🙂 "x" \\ \x01 y'

SNAPSHOT = Snapshot(
    server=SERVER,
    database=DATABASE,
    relations=(
        Relation(1, "public", AWKWARD, "r", "p", 10, 1e7, 100, 90, size_bytes=2**40, acl=("=r/x",)),
        Relation(2, "app", "view", "v", "p", 10, -1, 0, 0, options=("security_invoker=true",)),
    ),
    columns=(
        Column(1, 1, "id", "bigint", 20, "b", "N", True, identity="a"),
        Column(1, 3, "select", "text", 25, "b", "S", False, default="'it''s'::text"),
    ),
    statistics=(
        ColumnStatistics(
            1,
            3,
            False,
            0.125,
            7,
            -0.25,
            common_values=(AWKWARD, ""),
            common_frequencies=(0.1, 1 / 3),
            histogram=(),
            correlation=float("nan"),
        ),
    ),
    indexes=(
        Index(3, 1, "i", "btree", (1, 0), 2, (1, 2), (0, 3), (0, 100), *(False,) * 3, True, True, "", 1, 0.0),
    ),
    constraints=(Constraint(4, 1, "k", "f", (1,), True, "FOREIGN KEY", 1, (1,)),),
    roles=(Role(10, "app", *(False,) * 7),),
    statements=(Statement("SELECT $1", -(2**63), 10, 2**40, total_ms=1e-3),),
    hidden=(Hidden("statistics", "no SELECT", 2), Hidden("connections", "no member")),
)


@pytest.mark.parametrize("name", ["shop.json", "shop.json.gz", "shop", "größe 🙂.gz"])
def test_a_snapshot_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    save_snapshot(SNAPSHOT, tmp_path / name)
    loaded = load_snapshot(tmp_path / name)
    # NaN equals nothing, itself neither: the file has it as null.
    assert loaded.statistics[0].correlation is None
    assert _without_correlation(loaded) == _without_correlation(SNAPSHOT)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def _without_correlation(snapshot: Snapshot) -> Snapshot:
    rows = tuple(msgspec.structs.replace(row, correlation=None) for row in snapshot.statistics)
    return msgspec.structs.replace(snapshot, statistics=rows)


def test_a_packed_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    save_snapshot(SNAPSHOT, tmp_path / "shop.gz")
    (tmp_path / "shop.gz").rename(tmp_path / "renamed.json")
    assert load_snapshot(tmp_path / "renamed.json").relations == SNAPSHOT.relations


def test_the_same_snapshot_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        save_snapshot(SNAPSHOT, tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


# --- files that are none ---


def refusal(file: Path) -> str:
    with pytest.raises(SnapshotFileError) as caught:
        load_snapshot(file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["shop.json", "shop.json.gz"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    save_snapshot(SNAPSHOT, file)
    whole = file.read_bytes()
    for length in {*range(40), *range(0, len(whole), 13), *range(len(whole) - 40, len(whole))}:
        file.write_bytes(whole[:length])
        assert "take" in refusal(file)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop.gz"
    save_snapshot(SNAPSHOT, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    assert "is cut short or damaged" in refusal(file)


@pytest.mark.parametrize("version", [VERSION + 1, 0, -1])
def test_a_snapshot_of_another_version_is_refused_by_number(tmp_path: Path, version: int) -> None:
    file = tmp_path / "shop.json"
    for snapshot in ({"of": "tomorrow"}, json.loads(msgspec.json.encode(SNAPSHOT))):
        file.write_text(json.dumps({"format": "tenfold-snapshot", "version": version, "snapshot": snapshot}))
        said = refusal(file)
        assert f"is a snapshot of format {version}, this Tenfold reads {VERSION}" in said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b'{"format": 5, "version": 1}',
        b'{"format": "another", "version": 1, "snapshot": {}}',
        b"SELECT 1;",
        b"\xff\xfe\x00",
        b'{"format": "\xff"}',
        b"[" * 200_000,
        gzip.compress(b"[1, 2]", mtime=0),
        b"PGDMP\x01\x0e\x00",
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    said = refusal(file)
    assert "not a snapshot" in said
    assert "tenfold snapshot DSN -o FILE" in said


def test_a_snapshot_with_a_wrong_value_says_where(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    content = json.loads(
        msgspec.json.encode({"format": "tenfold-snapshot", "version": 1, "snapshot": SNAPSHOT})
    )
    content["snapshot"]["relations"][0]["rows"] = "many"
    file.write_text(json.dumps(content))
    assert "is damaged (Expected `float`, got `str` - at `$.snapshot.relations[0].rows`)" in refusal(file)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent").endswith("cannot be read: No such file or directory")
    assert refusal(tmp_path).endswith("cannot be read: Is a directory")


# --- writing ---


@contextlib.contextmanager
def no_room(size: int) -> Iterator[None]:
    """A limit on the size of files stands for the disk: both make a write fall short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def as_another_account() -> Iterator[None]:
    """Root may write anywhere."""
    account = os.geteuid()
    if account == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(account)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text("the old one")
    with no_room(1000), pytest.raises(OutputError, match=r"shop\.json cannot be written: File too large"):
        save_snapshot(SNAPSHOT, file)
    assert file.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_without_permission_leaves_the_old_file(reachable_path: Path) -> None:
    file = reachable_path / "shop.json"
    file.write_text("the old one")
    reachable_path.chmod(0o555)
    try:
        with (
            as_another_account(),
            pytest.raises(OutputError, match=r"shop\.json cannot be written: Permission denied"),
        ):
            save_snapshot(SNAPSHOT, file)
    finally:
        reachable_path.chmod(0o755)
    assert file.read_text() == "the old one"
    assert list(reachable_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent/shop.json", "No such file or directory"),
        ("file/shop.json", "Not a directory"),
        ("folder", "Is a directory"),
        ("circle", "circle"),
        ("x" * 256, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_says_why(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OutputError, match=f"cannot be written: .*{why}"):
        write_whole(tmp_path / name, b"content")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    file.write_text("the old one")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"the new one")
    assert file.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_file_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    file.touch(mode=0o600)
    write_whole(file, b"content")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "report").write_text("old")
    (tmp_path / "latest").symlink_to("kept/report")
    write_whole(tmp_path / "latest", b"new")
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "kept" / "report").read_text() == "new"


def test_a_device_is_written_to_and_stays_one() -> None:
    write_whole(Path("/dev/null"), b"content")
    assert Path("/dev/null").is_char_device()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        write_whole(Path(f"/dev/fd/{writing}"), b"content")
        assert os.read(reading, 100) == b"content"
    finally:
        os.close(reading)
        os.close(writing)


def test_a_full_device_is_an_error() -> None:
    with pytest.raises(OutputError, match="/dev/full cannot be written: No space left on device"):
        write_whole(Path("/dev/full"), b"content")
