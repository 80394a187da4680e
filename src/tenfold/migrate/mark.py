"""What a tenant column's fill function says of itself: a later plan knows by it where the column is from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from tenfold.model.remedy import AddTenantColumn
from tenfold.model.snapshot import Snapshot

#: Before the remedy, on a line of the function's body.
MARK = "-- tenfold: "


def mark(remedy: AddTenantColumn) -> str:
    """The line that tells it."""
    return MARK + msgspec.json.encode(remedy).decode()


def marked(snapshot: Snapshot) -> Iterator[AddTenantColumn]:
    """The remedies whose fill functions the database has."""
    for function in snapshot.functions:
        for line in (function.source or "").splitlines():
            if line.startswith(MARK):
                with contextlib.suppress(msgspec.DecodeError):  # else somebody else's comment
                    yield msgspec.json.decode(line.removeprefix(MARK), type=AddTenantColumn)
                break
