"""A source is a DSN or a snapshot file: every command that reads takes either."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from tenfold.catalog.file import load_snapshot
from tenfold.catalog.reader import read_snapshot
from tenfold.errors import SourceError
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import STATEMENT_TIMEOUT, connect


def is_file(source: str) -> bool:
    """Whether the source means a file: nothing means the PG* environment, and a DSN has `://` or `=`.

    A file that is there may have a `=` in its name.
    """
    if not source.strip() or "://" in source:
        return False
    return "=" not in source or _exists(source)


def _exists(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # no file has a name that long, or with a NUL in it
        return Path(name).is_file()
    return False


def load_source(
    source: str = "",
    *,
    progress: Callable[[str], None] | None = None,
    timeout: float = STATEMENT_TIMEOUT,
) -> Snapshot:
    """The snapshot that a source stands for. `timeout` bounds each catalog query, in seconds."""
    if is_file(source):
        if not _exists(source):
            raise SourceError(
                f"{source!r} is neither a file nor a DSN; give postgresql://..., service=... or a file"
            )
        return load_snapshot(Path(source))
    with contextlib.closing(connect(source, statement_timeout=timeout)) as connection:
        return read_snapshot(connection, progress, statement_timeout=timeout)
