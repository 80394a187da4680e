"""Reads the conditions that EXPLAIN prints. Pure.

The server writes them with every operator in parentheses and every cast as `(x)::type`, so that what stands
on either side of an operator can be told without knowing the operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

# Strings, quoted names, words, numbers, casts, operators, parentheses, and all else by the character.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$\d+|\d[\w.]*"""
    r"""|::|[-+*/<>=~!@\#%^&|`?]+|\s+|.""",
    re.DOTALL,
)
_OPERATOR = re.compile(r"[-+*/<>=~!@\#%^&|`?]+\Z")
_NAME = re.compile(
    r"""(?:(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)\.)?("(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)\Z"""
)
_CALL = re.compile(r"""([\w."]+)\(""")
#: What EXPLAIN writes between a column and a list, an array or a sub-select.
_ANY = re.compile(r"(?:ANY|ALL) \(")


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison."""

    text: str
    #: The column's bare name, where the side is one column, be it cast or not.
    column: str | None = None
    #: The type that the column is cast to, or the function that it is given to.
    cast: str | None = None
    function: str | None = None


class Condition(msgspec.Struct, frozen=True):
    """One of the conditions that a node ANDs. `operator` is None where it is no plain comparison."""

    text: str
    operator: str | None = None
    left: Side = Side("")
    right: Side = Side("")
    #: Whether the right side is a list, of which any member will do.
    any: bool = False


@lru_cache(maxsize=4096)
def conditions(text: str | None) -> tuple[Condition, ...]:
    """What a node's condition is made of, in order."""
    if not text:
        return ()
    return tuple(_condition(part) for part in _split(_bare(text), "AND"))


def _condition(text: str) -> Condition:
    body = _bare(text)
    if len(list(_split(body, "OR"))) > 1 or body.startswith("NOT "):
        return Condition(body)
    place = _operator(body)
    if place is None:
        return Condition(body)
    start, end = place
    right = body[end:].strip()
    any_ = _ANY.match(right)
    if any_ is not None:
        right = right[any_.end() - 1 :]
    return Condition(body, body[start:end], _side(body[:start]), _side(right), any_ is not None)


def _side(text: str) -> Side:
    body = _bare(text.strip())
    if name := _NAME.match(body):
        return Side(body, _unquoted(name[1]))
    inner, cast = _cast(body)
    if cast is not None:
        below = _side(inner)
        return Side(body, below.column, cast, below.function)
    call = _CALL.match(body)
    if call is not None and body.endswith(")") and _closes_at_end(body, call.end() - 1):
        arguments = list(_split(body[call.end() : -1], ","))
        columns = [side.column for side in map(_side, arguments) if side.column is not None]
        return Side(body, columns[0] if len(columns) == 1 else None, None, call[1])
    return Side(body)


def _cast(text: str) -> tuple[str, str | None]:
    """`(x)::type` as x and type."""
    if not text.startswith("("):
        return text, None
    for depth, start, word in _tokens(text):
        if depth == 0 and word not in ("(", ")"):
            is_cast = word.startswith("::") and text[:start].endswith(")")
            return (text[1 : start - 1], text[start + 2 :]) if is_cast else (text, None)
    return text, None


def _operator(text: str) -> tuple[int, int] | None:
    """Where the one operator outside of all parentheses is. None where there is none, or several."""
    found = [
        (start, start + len(word))
        for depth, start, word in _tokens(text)
        if depth == 0 and _OPERATOR.match(word)
    ]
    return found[0] if len(found) == 1 else None


def _split(text: str, separator: str) -> Iterator[str]:
    begin = 0
    for depth, start, word in _tokens(text):
        if depth == 0 and word == separator:
            yield text[begin:start].strip()
            begin = start + len(word)
    yield text[begin:].strip()


def _bare(text: str) -> str:
    """Without the parentheses that are around all of it."""
    text = text.strip()
    while text.startswith("(") and _closes_at_end(text, 0):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str, opening: int) -> bool:
    closing = (start for depth, start, word in _tokens(text[opening:]) if depth == 0 and word == ")")
    return opening + next(closing, -1) == len(text) - 1


def _tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Each token with the depth of parentheses around it; a parenthesis is not around itself."""
    depth = 0
    for found in _TOKEN.finditer(text):
        word = found[0]
        if word in (")", "]"):
            depth -= 1
        yield depth, found.start(), word
        if word in ("(", "["):
            depth += 1


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
