"""The process that works beside those which answer requests, for as long as these are served."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import click

from tenfold_hub.settings import PREFIX, Settings

#: Seconds that it has to end its calls.
_PATIENCE = 30
#: Seconds until one that ended by itself is started again.
_PAUSE = 2


@contextlib.contextmanager
def working(settings: Settings) -> Iterator[None]:
    """For events, webhooks, imports, exports and pruning. Without the DSNs of roles for it, these wait."""
    if not (settings.dispatcher or settings.maintenance):
        click.echo(f"events, webhooks and jobs wait: {PREFIX}DISPATCHER is not set", err=True)
        yield
        return
    stopped = threading.Event()
    watch = threading.Thread(target=_watch, args=(os.environ | settings.environment(), stopped), daemon=True)
    watch.start()
    try:
        yield
    finally:
        stopped.set()
        watch.join(_PATIENCE + 5)


def _watch(environment: dict[str, str], stopped: threading.Event) -> None:
    """Starts it again, should it ever end by itself."""
    while not stopped.is_set():
        process = subprocess.Popen(
            [sys.executable, "-m", "tenfold_hub.work"], env=environment, process_group=0
        )
        while process.poll() is None and not stopped.wait(0.5):
            continue
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        process.kill()
        process.wait()
        stopped.wait(_PAUSE)
