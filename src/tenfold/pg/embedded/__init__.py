"""A private PostgreSQL server, started in a fraction of a second and never left behind.

`EmbeddedServer.temporary()` is deleted when its last user leaves, `EmbeddedServer.open(folder)` keeps its
data; both run only as long as somebody uses them.
"""

from __future__ import annotations

from tenfold.pg.embedded.binaries import Binaries
from tenfold.pg.embedded.server import EmbeddedServer

__all__ = ["Binaries", "EmbeddedServer"]
