"""The Lua scripts of the second level: each is one step for the server, whoever else is at work."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError


class Script:
    """A file of `lua/`, sent once a server and called by its digest."""

    def __init__(self, name: str) -> None:
        self._text = files("tenfold.runtime.cache").joinpath("lua", f"{name}.lua").read_text("utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(
        self,
        call: Callable[..., Awaitable[Any]],
        keys: Sequence[str],
        arguments: Sequence[str | bytes | int],
    ) -> Any:
        try:
            return await call("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await call("EVAL", self._text, len(keys), *keys, *arguments)
