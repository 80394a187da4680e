"""Takes constants and comments out of SQL text, by the lexical rules of the server's scanner (scan.l).

A constant becomes the next parameter, as pg_stat_statements writes it. Where text could be read in two ways,
or ends within a constant, all that may be one is taken out.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<parameter>\$\d+)
      | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
      | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z|\\\Z))
      | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z))
      | (?P<name>(?:[uU]&)?"(?:[^"]|"")*(?:"|\Z)|[^\W\d][\w$]*)
      | (?P<line>--[^\n]*)
      | (?P<block>/\*)
      | (?P<number>\.?\d(?:[eE][+-]\d|[\w.])*)""",
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_PARAMETER = re.compile(r"\$(\d+)")
_PLANNED = re.compile(r"[(\s]*(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)


def strip_constants(sql: str) -> str:
    """The statement without comments, and `$n` for every constant, n going on from its own parameters."""
    number = max((int(found) for found in _PARAMETER.findall(sql)), default=0)
    parts: list[str] = []
    position = 0
    while (match := _TOKEN.search(sql, position)) is not None:
        parts.append(sql[position : match.start()])
        position = match.end()
        kind = match.lastgroup
        if kind in ("parameter", "name"):
            parts.append(match.group())
            continue
        if kind in ("line", "block"):
            parts.append(" ")
            position = _end_of_block(sql, position) if kind == "block" else position
            continue
        number += 1
        parts.append(f"${number}")
        if kind == "dollar":
            position = _after(sql, match.group(), position)
        elif kind == "string" and "\\'" in match.group():
            break  # with standard_conforming_strings off the string goes on: who knows how far
    else:
        parts.append(sql[position:])
    return "".join(parts)


def is_planned(sql: str) -> bool:
    """Whether pg_stat_statements puts parameters for its constants: utility statements it keeps as typed."""
    return _PLANNED.match(_without_leading_comments(sql)) is not None


def _without_leading_comments(sql: str) -> str:
    position = 0
    while (match := re.compile(r"\s*(?:--[^\n]*|(/\*))").match(sql, position)) is not None:
        position = _end_of_block(sql, match.end()) if match.group(1) else match.end()
    return sql[position:].lstrip()


def _end_of_block(sql: str, position: int) -> int:
    """After the comment that has begun; comments nest."""
    depth = 1
    while depth:
        edge = _BLOCK_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def _after(sql: str, quote: str, position: int) -> int:
    end = sql.find(quote, position)
    return len(sql) if end < 0 else end + len(quote)
