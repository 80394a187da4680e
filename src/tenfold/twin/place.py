"""Where a twin's server lives: in memory where there is room, since most of the work is small files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tenfold.model.snapshot import Snapshot
from tenfold.pg.embedded.cache import CACHE_VARIABLE

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, which only its owner may enter
_CLUSTER_BYTES = 96 << 20
# Files of a table, its TOAST table and three indexes: a block each, two for an index.
_BYTES_A_TABLE = 128 << 10
#: Of what is free, a twin takes at most this part.
_SHARE = 0.5


def twin_folder(snapshot: Snapshot) -> Path | None:
    """The folder to put the server's folder into; None for the usual one, in the user's cache directory.

    Who names a cache directory means that one.
    """
    if CACHE_VARIABLE in os.environ:
        return None
    needed = _CLUSTER_BYTES + _BYTES_A_TABLE * len(snapshot.relations)
    folder = _MEMORY / f"tenfold-twins-{os.geteuid()}"
    try:
        if shutil.disk_usage(_MEMORY).free * _SHARE < needed:
            return None
        folder.mkdir(mode=0o700, exist_ok=True)
        # Anybody may make a folder of that name there: one that is not ours is not used.
        found = folder.lstat()
        if found.st_uid != os.geteuid() or folder.is_symlink():
            return None
        # As root, the account that the server runs as has to pass through.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError:  # memory is the faster place, and not needed
        return None
    return folder
