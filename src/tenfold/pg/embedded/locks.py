"""Advisory locks on files, which the kernel releases when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FileLock:
    """A lock that is held from construction to `release`.

    A lock that is dropped without `release` is released too, with a ResourceWarning, like any open file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def release(self) -> None:
        self._file.close()

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def try_exclusive(self) -> bool:
        """Turn a shared lock into the only one. When that fails the shared lock is lost, too (flock(2))."""
        return _try(self._file, fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        return _try(self._file, fcntl.LOCK_SH)


def lock(path: Path, *, shared: bool = False) -> FileLock:
    """Wait for the lock. FileNotFoundError when the folder is gone, or is deleted while we wait."""
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        _still_there(path, file)
    except BaseException:
        file.close()
        raise
    return FileLock(file)


def try_lock(path: Path) -> FileLock | None:
    """The exclusive lock, or None when another holds it."""
    file = path.open("a+b")
    try:
        if _try(file, fcntl.LOCK_EX):
            _still_there(path, file)
            return FileLock(file)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock exclusively. Makes no file."""
    try:
        with path.open("rb") as file:
            return not _try(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _try(file: IO[bytes], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_there(path: Path, file: IO[bytes]) -> None:
    """A lock on a deleted file excludes nobody: the next comer makes a new file of that name."""
    if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
        raise FileNotFoundError(path)
