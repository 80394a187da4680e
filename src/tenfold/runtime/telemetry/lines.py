"""Which lines of the service issued a statement, nearest first, leaving out the libraries between."""

from __future__ import annotations

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Literal, TypeAlias

from tenfold.runtime.holders import Place

Kind: TypeAlias = Literal["runtime", "loop", "standard", "installed", "service"]

#: Nobody's line: a task that runs nothing but the runtime.
UNKNOWN = "a task of its own"
#: Of helpers and those who called them: the loop that repeats a statement is seldom in the nearest.
_NAMED = 3
_RUNTIME = str(Path(__file__).parents[1])
_STANDARD = sysconfig.get_path("stdlib")
_INSTALLED = ("/site-packages/", "/dist-packages/")
# Below these, the stack is the event loop's and whoever started it, who issued nothing.
_LOOP = ("/asyncio/events.py", "/asyncio/base_events.py", "/asyncio/runners.py")


def issuing_lines() -> str:
    """`repository.py:12, called from orders.py:40`: who called this, in the service's own code.

    Where all that runs is installed, the nearest library outside of the runtime. It works in coroutines,
    whose stack ends where their task was started: a loader's fetch is named, and not who awaits the row.
    """
    frame: FrameType | None = sys._getframe(1)
    lines: list[str] = []
    library = ""
    while frame is not None and len(lines) < _NAMED:
        kind = _kind(frame.f_code.co_filename)
        if kind == "service":
            lines.append(_line(frame))
        elif kind == "loop" or (kind == "installed" and lines):
            break
        elif kind == "installed" and not library:
            library = _line(frame)
        frame = frame.f_back
    return ", called from ".join(lines) or library or UNKNOWN


def _line(frame: FrameType) -> str:
    return str(Place(frame.f_code, frame.f_lineno, 0.0))


@lru_cache(maxsize=2048)
def _kind(file: str) -> Kind:
    name = file.replace("\\", "/")
    if file.startswith(_RUNTIME):
        return "runtime"
    if name.endswith(_LOOP):
        return "loop"
    if any(part in name for part in _INSTALLED):
        return "installed"
    if file.startswith((_STANDARD, "<frozen ")):
        return "standard"
    return "service"
