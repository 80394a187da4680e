"""Statements as drivers of other styles have them, with `$1, $2, ...`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

# Drivers of this style look into strings and comments, too.
_PLACE = re.compile(r"%(?:\((?P<name>[^)]*)\)s|(?P<next>s)|(?P<percent>%))")
_LONGEST_KEPT = 10_000


def numbered(statement: str, parameters: Any) -> tuple[str, Sequence[object]]:
    """The statement with `$n` for `%(name)s` and `%s`, and its parameters in that order."""
    if not parameters or "%" not in statement:
        return statement, parameters or ()
    text, names = _kept(statement) if len(statement) <= _LONGEST_KEPT else _numbered(statement)
    if isinstance(parameters, Mapping):
        return text, [parameters.get(name) for name in names]
    return text, parameters


def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found["percent"]:
            return "%"
        name = found["name"] if found["next"] is None else f" {len(names)}"
        return f"${names.setdefault(name, len(names) + 1)}"

    return _PLACE.sub(number, statement), tuple(names)


_kept = lru_cache(maxsize=1_024)(_numbered)
