"""Files as long as the relations they stand for, without their bytes.

A relation's fork is one symbolic link a segment of 1 GiB, to files of zeros that all relations of that length
share; a head, such as an index's metapage, begins a file of its own. CREATE DATABASE copies no links, so a
database with links is as quick to copy as one without.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenfold.errors import TwinError
from tenfold.twin.pages import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Blocks in a segment file: RELSEG_SIZE of a standard build.
SEGMENT = 131_072
#: Most blocks that a relation can have: MaxBlockNumber.
MOST_BLOCKS = 0xFFFF_FFFE
# Above every number that the server gives a file itself within a twin's life.
_FIRST_NODE = 3_000_000_000
# A file system that stores zeros would fill the disk with them.
_TRIAL_BYTES, _TRIAL_ROOM = 1 << 28, 1 << 20


class Forks:
    """The files of one embedded server."""

    def __init__(self, server_folder: Path, data_folder: Path) -> None:
        """Raises TwinError where the file system has no files with holes."""
        self.data_folder = data_folder
        self.folder = server_folder / "forks"
        owner = data_folder.stat()
        self._owner = (owner.st_uid, owner.st_gid)
        self._files: dict[tuple[int, bytes], Path] = {}
        self._node = _FIRST_NODE
        with _clear_errors():
            self.folder.mkdir(exist_ok=True)
            os.chown(self.folder, *self._owner)
            self.folder.chmod(0o700)
            self._require_holes()

    def place(self, database: int, blocks: int, head: bytes = b"") -> int:
        """Files for a relation of so many blocks in the database of that oid; their relfilenode."""
        self._node += 1
        base = self.data_folder / "base" / str(database)
        left, segment = min(max(blocks, len(head) // BLOCK), MOST_BLOCKS), 0
        with _clear_errors():
            while True:
                here = min(left, SEGMENT)
                link = base / (f"{self._node}.{segment}" if segment else str(self._node))
                link.symlink_to(self._file(here, head if segment == 0 else b""))
                left, segment = left - here, segment + 1
                if here < SEGMENT:
                    return self._node

    def _file(self, blocks: int, head: bytes) -> Path:
        if (blocks, head) not in self._files:
            path = self.folder / f"{len(self._files)}"
            try:
                with path.open("xb") as file:
                    file.write(head)
                    file.truncate(blocks * BLOCK)
                os.chown(path, *self._owner)
            except OSError:
                path.unlink(missing_ok=True)  # there may be room the next time
                raise
            self._files[blocks, head] = path
        return self._files[blocks, head]

    def _require_holes(self) -> None:
        trial = self.folder / "trial"
        with trial.open("xb") as file:
            file.truncate(_TRIAL_BYTES)
        stored = trial.stat().st_blocks * 512
        trial.unlink()
        if stored > _TRIAL_ROOM:
            raise TwinError(
                f"the file system of {self.folder.parent} stores zeros as they are, so a twin would fill it;"
                " name a folder on another one with TENFOLD_CACHE_DIR"
            )


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TwinError(f"the twin cannot make its files: {error.strerror or error}") from error
