"""What a worker process of the server loads first, before the second that the application's imports take."""

from __future__ import annotations

import signal
from typing import Any


def application() -> Any:
    # A worker that is forked has its parent's handlers until the server listens to signals in it, and nobody
    # reads what they set here: told to end meanwhile, it never would, and its parent would wait for good.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from tenfold_hub.serving import application as made

    return made()
