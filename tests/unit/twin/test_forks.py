"""Files as long as relations take no room, and where they would, or cannot be made, that is said."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenfold.errors import TwinError
from tenfold.twin.forks import SEGMENT, Forks
from tenfold.twin.pages import BLOCK

DATABASE = 5


@pytest.fixture
def forks(tmp_path: Path) -> Forks:
    (tmp_path / "data" / "base" / str(DATABASE)).mkdir(parents=True)
    return Forks(tmp_path, tmp_path / "data")


def segments(forks: Forks, node: int) -> list[Path]:
    return sorted(
        (forks.data_folder / "base" / str(DATABASE)).glob(f"{node}*"),
        key=lambda path: int(path.suffix[1:] or 0),
    )


def test_a_long_relation_is_segments_without_bytes(forks: Forks) -> None:
    files = segments(forks, forks.place(DATABASE, 2 * SEGMENT + 7))
    assert [path.stat().st_size for path in files] == [SEGMENT * BLOCK, SEGMENT * BLOCK, 7 * BLOCK]
    assert sum(path.stat().st_blocks for path in files) == 0


def test_a_length_of_whole_segments_ends_with_an_empty_one(forks: Forks) -> None:
    """As the server leaves it: it takes a segment that is not full for the last."""
    files = segments(forks, forks.place(DATABASE, SEGMENT))
    assert [path.stat().st_size for path in files] == [SEGMENT * BLOCK, 0]


def test_a_head_begins_the_file_and_other_relations_have_other_files(forks: Forks) -> None:
    head = b"x" * BLOCK
    (with_head,) = segments(forks, forks.place(DATABASE, 3, head))
    (without,) = segments(forks, forks.place(DATABASE, 3))
    assert with_head.read_bytes() == head + bytes(2 * BLOCK)
    assert without.read_bytes() == bytes(3 * BLOCK)


def test_an_index_is_never_shorter_than_its_head(forks: Forks) -> None:
    (file,) = segments(forks, forks.place(DATABASE, 1, b"x" * (2 * BLOCK)))
    assert file.stat().st_size == 2 * BLOCK


def test_relations_of_one_length_share_a_file_under_names_of_their_own(forks: Forks) -> None:
    (one,), (other,) = (segments(forks, forks.place(DATABASE, 9)) for _ in range(2))
    assert one.name != other.name
    assert one.resolve() == other.resolve()


def test_a_file_system_that_stores_zeros_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenfold.twin.forks._TRIAL_ROOM", -1)  # as if any file took room
    (tmp_path / "data").mkdir()
    with pytest.raises(TwinError, match="TENFOLD_CACHE_DIR"):
        Forks(tmp_path, tmp_path / "data")
    assert list((tmp_path / "forks").iterdir()) == []


def test_a_file_that_cannot_be_made_is_a_clear_error(forks: Forks) -> None:
    with files_of_at_most(4 * BLOCK), pytest.raises(TwinError, match="cannot make its files: File too large"):
        forks.place(DATABASE, 5)
    with pytest.raises(TwinError, match="cannot make its files: No such file or directory"):
        forks.place(DATABASE + 1, 5)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
