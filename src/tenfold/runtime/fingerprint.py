"""What a statement is, without what it was about: the same for all that differ in values alone.

It may be logged and counted. It is of the text, not of the meaning: names stay as they were written.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple


class Fingerprint(NamedTuple):
    """`id` is 16 hexadecimal digits; `text` one line without comments, literals and parameters' numbers."""

    id: str
    text: str


#: Characters of a statement that are looked at, and of a text: it is for a line of a log.
MOST_READ, MOST_SHOWN = 10_000, 1_000

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<name> "(?:[^"]|"")*"? )
    | (?P<value> (?:\b[eE]'(?:[^'\\]|''|\\.)*'?)
               | (?:\b(?:[bBxXnN]|[uU]&))?'(?:[^']|'')*'?
               | \$(?P<tag>[^\W\d]\w*)?\$.*?(?:\$(?P=tag)\$|\Z)
               | \$\$.*?(?:\$\$|\Z)
               | \$\d+ | %\(\w+\)s | %s
               | (?<![\w$])0[xXoObB][0-9a-fA-F_]+ | (?<![\w$])(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMA, _INSIDE = re.compile(r" ?, ?"), re.compile(r"(?<=\() | (?=\))")
# Lists of values, and rows of VALUES, differ in length alone.
_LIST = re.compile(r"\?(?:, \?)+")
_ROWS = re.compile(r"(\((?:[^()]|\([^()]*\))*\))(?:, \1)+")


def fingerprint(statement: str) -> Fingerprint:
    """Kept for the statements that were asked for last."""
    return _fingerprint(statement[:MOST_READ])


@lru_cache(maxsize=4096)
def _fingerprint(statement: str) -> Fingerprint:
    parts = []
    for token in _TOKEN.finditer(statement):
        match token.lastgroup:
            case "blank":
                parts.append(" ")
            case "value" | "tag":
                parts.append("?")
            case _:
                parts.append(token.group())
    text = _INSIDE.sub("", _COMMA.sub(", ", " ".join("".join(parts).split())))
    text = _ROWS.sub(r"\1, ...", _LIST.sub("?, ...", text))
    return Fingerprint(blake2b(text.encode(), digest_size=8).hexdigest(), text[:MOST_SHOWN])
