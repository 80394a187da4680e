"""Saves snapshots to files and loads them: JSON, gzipped where the name ends in `.gz`."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import zlib
from pathlib import Path
from typing import Literal

import msgspec

from tenfold.errors import OutputError, SnapshotFileError
from tenfold.model.snapshot import Snapshot

#: Version of the file format; a file of another one is refused.
VERSION: Literal[1] = 1
_FORMAT: Literal["tenfold-snapshot"] = "tenfold-snapshot"


class _File(msgspec.Struct, frozen=True):
    format: Literal["tenfold-snapshot"]
    version: Literal[1]
    snapshot: Snapshot


class _Header(msgspec.Struct, frozen=True):
    format: str = ""
    version: int = 0


def save_snapshot(snapshot: Snapshot, file: Path) -> None:
    """Writes the file whole or not at all, for its owner only where it holds values of rows.

    Raises OutputError.
    """
    content = msgspec.json.encode(_File(_FORMAT, VERSION, snapshot))
    if file.suffix == ".gz":
        content = gzip.compress(content, compresslevel=6, mtime=0)
    write_whole(file, content, private=not snapshot.redacted)


def load_snapshot(file: Path) -> Snapshot:
    """Raises SnapshotFileError: not there, not a snapshot, cut short, or of another version."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SnapshotFileError(f"{file} cannot be read: {error.strerror or error}") from error
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise SnapshotFileError(f"{file} is cut short or damaged; take the snapshot again") from error
    try:
        read = msgspec.json.decode(content, type=_File)
    except msgspec.ValidationError as error:
        raise _refusal(file, content, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotFileError(
            f"{file} is cut short or not a snapshot; take it again with: tenfold snapshot DSN -o FILE"
        ) from error
    if read.version != VERSION:
        raise _of_another_version(file, read.version)
    return read.snapshot


def _refusal(file: Path, content: bytes, error: msgspec.ValidationError) -> SnapshotFileError:
    header = _Header()
    with contextlib.suppress(msgspec.DecodeError):  # it has none, then, and is not a snapshot
        header = msgspec.json.decode(content, type=_Header)
    if header.format != _FORMAT:
        return SnapshotFileError(f"{file} is not a snapshot; make one with: tenfold snapshot DSN -o FILE")
    if header.version != VERSION:
        return _of_another_version(file, header.version)
    return SnapshotFileError(f"{file} is damaged ({error}); take the snapshot again")


def _of_another_version(file: Path, version: int) -> SnapshotFileError:
    return SnapshotFileError(
        f"{file} is a snapshot of format {version}, this Tenfold reads {VERSION}; take it again"
    )


def write_whole(file: Path, content: bytes, *, private: bool = False) -> None:
    """Writes beside the file and renames, so that a full disk or Ctrl-C leaves what was there.

    A file that was there keeps its permissions; a new `private` one is its owner's alone. What is no file,
    such as /dev/stdout, is written to.
    """
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(content)
        else:
            _replace(file.resolve(), content, private=private)  # a link keeps leading to what it led to
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        reason = error.strerror if isinstance(error, OSError) else None
        raise OutputError(f"{file} cannot be written: {reason or error}") from error


def _replace(file: Path, content: bytes, *, private: bool) -> None:
    # mkstemp keeps a file to its owner; a new one gets what the umask leaves, as from open().
    wanted = 0o600 if private else 0o666 & ~_umask()
    mode = file.stat().st_mode & 0o777 if file.exists() else wanted
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".tenfold-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.chmod(mode)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
