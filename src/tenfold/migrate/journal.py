"""The local record of what we changed in one database, written ahead: what `undo` reverts.

Whether a change is done, the database tells; the journal tells that it was we who did it. JSON lines, synced
before the change begins. A last line that a killed writer left torn is passed over.
"""

from __future__ import annotations

import datetime
import errno
import os
from pathlib import Path
from typing import Literal

import msgspec

from tenfold.errors import OutputError
from tenfold.model.change import Change

VERSION = 1

Event = Literal["started", "finished", "failed", "undoing", "undone", "undo failed"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line. Holds DDL and names of objects, no value of a row."""

    event: Event
    #: ISO 8601.
    at: str
    id: str
    #: Of `started`: all that is needed to undo it.
    change: Change | None = None
    version: int = VERSION


class Journal:
    """One database's journal. Whoever holds the applier's lock is its only writer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, fingerprint: str, folder: Path | None = None) -> Journal:
        """The journal of the database with this fingerprint, in `folder` or the user's state directory."""
        if folder is None:
            from platformdirs import user_state_path

            folder = user_state_path("tenfold", appauthor=False) / "journal"
        return cls(folder / f"{fingerprint}.jsonl")

    def write(self, event: Event, change: Change) -> None:
        """Appends and syncs one record. Raises OutputError where that fails."""
        record = Record(
            event=event,
            at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            id=change.id,
            change=change if event == "started" else None,
        )
        try:
            self._append(msgspec.json.encode(record) + b"\n")
        except OSError as error:
            raise OutputError(
                f"the journal {self.path} cannot be written ({error.strerror}), "
                "so that nothing could be undone; free space, or name another folder"
            ) from error

    def records(self) -> tuple[Record, ...]:
        """All records, in order. Raises OutputError where the file cannot be read, or a later version's."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise OutputError(f"the journal {self.path} cannot be read: {error.strerror}") from error
        return tuple(record for line in lines if line and (record := self._decoded(line)) is not None)

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded of this database here."""
        return self.path.exists()

    def objects(self) -> frozenset[str]:
        """What we ever began to change, whatever became of it: named as in `Change.object`."""
        return frozenset(record.change.object for record in self.records() if record.change is not None)

    def carried_out(self) -> tuple[Change, ...]:
        """What was begun and neither failed nor was undone since, in the order in which it was last begun.

        Two plans may change the same thing under one id, such as a setting to two values: then both are here,
        since only the first one's undo knows how it was. What failed or was undone is the later of them.
        Where a run was killed nothing tells how that change ended, but the database.
        """
        found: list[Change] = []
        for record in self.records():
            if record.change is not None:
                found = [each for each in found if each != record.change] + [record.change]
            elif record.event in ("failed", "undone"):
                same = [place for place, each in enumerate(found) if each.id == record.id]
                if same:
                    del found[same[-1]]
        return tuple(found)

    def _append(self, line: bytes) -> None:
        new_folder = not self.path.parent.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # after a torn line
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)
        if new_folder or not size:
            _sync_folder(self.path.parent)

    def _decoded(self, line: bytes) -> Record | None:
        try:
            record = msgspec.json.decode(line, type=Record)
        except msgspec.ValidationError as error:
            raise OutputError(f"the journal {self.path} is not one of Tenfold's: {error}") from error
        except msgspec.DecodeError:
            return None
        if record.version > VERSION:
            raise OutputError(f"the journal {self.path} was written by a later Tenfold; upgrade to read it")
        return record


def _sync_folder(folder: Path) -> None:
    """A new file's name is safe only when its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
