"""Folders that are expensive to make and kept for the next time, in the user's cache directory."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.pg.embedded.locks import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CACHE_VARIABLE = "TENFOLD_CACHE_DIR"


def cache_folder() -> Path:
    """Where servers, templates and copies are kept; TENFOLD_CACHE_DIR overrides it.

    For root it is the machine's cache: root's own home is closed to the account that the server runs as.
    """
    import platformdirs

    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return platformdirs.site_cache_path("tenfold", appauthor=False)
    return platformdirs.user_cache_path("tenfold", appauthor=False)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents, closed to others; as root they may pass through, not look in."""
    for missing in reversed([folder, *folder.parents]):
        if not missing.exists():
            missing.mkdir(exist_ok=True)
            missing.chmod(0o711 if os.geteuid() == 0 else 0o700)


@contextmanager
def kept(folder: Path, stamp: str, build: Callable[[Path], None]) -> Iterator[Path]:
    """The folder as `build` made it for this stamp, made anew for another stamp, and not changed meanwhile.

    There is one folder per origin, not per stamp, so an upgrade replaces what it outdates.
    """
    make_folder(folder.parent)
    guard = folder.with_name(f"{folder.name}.lock")
    written = folder / "stamp"
    while True:
        with lock(guard, shared=True):
            if written.exists() and written.read_text() == stamp:
                yield folder
                return
        with lock(guard):
            if not written.exists() or written.read_text() != stamp:
                shutil.rmtree(folder, ignore_errors=True)
                make_folder(folder)
                build(folder)
                written.write_text(stamp)
