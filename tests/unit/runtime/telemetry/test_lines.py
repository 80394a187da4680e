"""The lines that issued a statement are the service's, whatever lies between."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from tenfold.runtime.telemetry import lines
from tenfold.runtime.telemetry.lines import UNKNOWN, issuing_lines

RUNTIME = lines.__file__.replace("telemetry/lines.py", "session.py")
LIBRARY = f"{sysconfig.get_path('purelib')}/orm/query.py"
STANDARD = f"{sysconfig.get_path('stdlib')}/functools.py"


def calling(file: str, line: int = 1) -> Callable[[Callable[[], str]], str]:
    """A function in that file, and line, that returns what it calls."""
    found: dict[str, Any] = {}
    exec(compile("\n" * (line - 1) + "def call(inner): return inner()", file, "exec"), found)
    return found["call"]


def test_runtime_and_standard_library_are_left_out() -> None:
    found = calling("/srv/app/notes.py", 12)(
        lambda: calling(STANDARD)(lambda: calling(RUNTIME)(issuing_lines))
    )
    # The lambdas are lines of this file.
    assert found.split(", called from ")[0].startswith("test_lines.py:")
    assert "notes.py:12" in found
    assert "functools" not in found
    assert "session.py" not in found


def test_those_who_called_are_named_up_to_three() -> None:
    first = calling("/srv/app/repository.py", 5)
    assert calling("/srv/app/api.py", 30)(
        lambda: calling("/srv/app/orders.py", 20)(lambda: first(issuing_lines))
    ).startswith("repository.py:5, called from test_lines.py:")


def test_a_library_that_called_the_service_ends_the_chain() -> None:
    def service() -> str:
        return calling("/srv/app/notes.py", 12)(issuing_lines)

    found = calling("/srv/app/main.py", 99)(lambda: calling(LIBRARY, 7)(service))
    own = service.__code__.co_firstlineno
    assert found == f"notes.py:12, called from test_lines.py:{own + 1}"


async def test_in_a_task_of_the_library_alone_its_line_is_named() -> None:
    found: dict[str, Any] = {}
    exec(compile("async def call(inner): return inner()", LIBRARY, "exec"), found)
    assert await asyncio.create_task(found["call"](issuing_lines)) == "query.py:1"


async def test_in_a_task_of_the_runtime_alone_nobody_is_named() -> None:
    found: dict[str, Any] = {}
    exec(compile("async def call(inner): return inner()", RUNTIME, "exec"), found)
    course: CoroutineType[Any, Any, str] = found["call"](issuing_lines)
    assert await asyncio.create_task(course) == UNKNOWN


async def test_a_coroutine_that_waited_is_still_on_the_stack_of_those_who_await_it() -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return issuing_lines()

    async def outer() -> str:
        return await inner()

    own = outer.__code__.co_firstlineno
    assert await asyncio.create_task(outer()) == (
        f"test_lines.py:{own - 2}, called from test_lines.py:{own + 1}"
    )
