"""Reads TOML files that people write, and says what is wrong with them in their words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from tenfold.errors import TenfoldError


def read_text(file: Path) -> str:
    """Editors on Windows put a byte order mark in front, which is no part of TOML or SQL."""
    return file.read_text(encoding="utf-8-sig")


def read_toml(file: Path, fault: type[TenfoldError], absent: str) -> dict[str, Any]:
    """The file's tables. Raises `fault` on one line; `absent` is what it says where there is no file."""
    import tomllib

    try:
        return tomllib.loads(read_text(file))
    except FileNotFoundError as error:
        raise fault(absent) from error
    except (OSError, UnicodeDecodeError) as error:
        raise fault(f"{file} cannot be read: {reason(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise fault(f"{file} is not TOML: {error}") from error


def reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


_WORDS = {
    "Object contains unknown field": "unknown key",
    "Object missing required field": "missing key",
    "Invalid RFC3339 encoded date": "expected a date such as 2030-12-31",
    "Invalid enum value": "there is no such class:",
}
_TYPES = {
    "object": "a table",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a date",
    "null": "nothing",
}
_ONE = f"(?:{'|'.join(_TYPES)})"
#: After these words it is a type; `date` may be a key as well.
_UNION = re.compile(rf"(?:(?<=Expected )|(?<=got ))`({_ONE}(?: \| {_ONE})*)`")


def spoken(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and the section where, in the words of a TOML file.

    `Object contains unknown field `colum` - at `$.tenancy` is ("unknown key `colum`", "tenancy").
    """
    text, _, place = str(error).partition(" - at ")
    for ours, theirs in _WORDS.items():
        text = text.replace(ours, theirs)
    text = _UNION.sub(_spoken_types, text)
    # `[...]` is an entry whose key msgspec does not tell.
    return text, place.strip("`").removeprefix("$").removeprefix(".").replace("[...]", "")


def _spoken_types(union: re.Match[str]) -> str:
    # A key that may be left out is `... | null`, which no TOML file can say.
    types = [name for name in union[1].split(" | ") if name != "null"] or ["null"]
    return " or ".join(_TYPES[name] for name in types)
