from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.catalog.file import save_snapshot
from tenfold.catalog.source import is_file, load_source
from tenfold.errors import SnapshotFileError, SourceError
from tenfold.model.snapshot import Snapshot
from tests.unit.rules.build import DATABASE, SERVER


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  ",
        "postgresql://db/shop",
        "postgresql+asyncpg://db",
        "service=shop",
        "host=db dbname=shop",
        "=" * 5000,
    ],
)
def test_a_dsn_is_no_file(source: str) -> None:
    assert not is_file(source)


@pytest.mark.parametrize("source", ["shop.json", "./shop", "/tmp/größe 🙂.gz", "shop"])
def test_anything_else_is_a_file(source: str) -> None:
    assert is_file(source)


def test_a_file_that_is_there_may_look_like_a_dsn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_file("service=shop")
    (tmp_path / "service=shop").touch()
    assert is_file("service=shop")


def test_a_snapshot_file_is_loaded(tmp_path: Path) -> None:
    snapshot = Snapshot(server=SERVER, database=DATABASE)
    save_snapshot(snapshot, tmp_path / "shop=1.json")
    assert load_source(str(tmp_path / "shop=1.json")) == snapshot


@pytest.mark.parametrize("source", ["shop", "x" * 5000, "a\0b"])
def test_what_is_neither_is_one_clear_line(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"is neither a file nor a DSN; give postgresql://\.\.\."):
        load_source(source)


def test_a_folder_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        load_source(str(tmp_path))


def test_another_file_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Sir")
    with pytest.raises(SnapshotFileError, match="not a snapshot"):
        load_source(str(tmp_path / "letter"))
