"""From the text of a statement to its tree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlglot
from sqlglot import exp

#: Reading a longer one would hold up the event loop for a second or more.
LONGEST = 200_000
_MOST_LISTS = 100

# What may hold the looks of something else comes first: strings, quoted names, comments.
_TOKEN = re.compile(
    r"""
      (?P<string> \b[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | "(?:[^"]|"")*"
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<parameter> \$\d+ )
    | (?P<noise> \bOVERRIDING\s+(?:USER|SYSTEM)\s+VALUE\b )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# The parser takes more for an escape than the server does. None but these can be an id, or be in an interval.
_SAFE = re.compile(r"'[\w .:{}+-]+'")
_ACROSS = re.compile(r"(?:--|/\*)\s*across\s+tenants\s*:\s*\w", re.IGNORECASE)

_READ = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
# What stands before a query that it runs.
_BEFORE = re.compile(
    r"""
    \s*(?:
        EXPLAIN\s*(?:\([^)]*\)|(?:ANALYZE|VERBOSE|\s)*)
      | DECLARE\b.*?\bFOR\b
      | CREATE\b(?:(?!\bVIEW\b)[^'"(])*?\bTABLE\b.*?\bAS\b
      | CREATE\s+MATERIALIZED\s+VIEW\b.*?\bAS\b
    )(?=[\s(]*(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_COPIED_QUERY = re.compile(r"\s*COPY\s*\((.*)\)\s*TO\b", re.IGNORECASE | re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)'
_WHOLE = re.compile(
    rf"\s*(?:COPY|TRUNCATE(?:\s+TABLE)?)\s+(?!TABLE\b)"
    rf"(?P<names>(?:ONLY\s+)?{_NAME}(?:\.{_NAME})*(?:\s*\*)?(?:\s*,\s*(?:ONLY\s+)?{_NAME}(?:\.{_NAME})*)*)",
    re.IGNORECASE,
)
# A row of VALUES with calls in it, and lists that an ORM writes out.
_ROW = r"\((?:[^()]|\([^()]*\))*\)"
_ROWS = re.compile(rf"(?P<before>\bVALUES\s*)(?P<all>{_ROW}(?:\s*,\s*{_ROW})+)", re.IGNORECASE)
_ONE_ROW = re.compile(_ROW)
_LIST = re.compile(
    r"(?P<before>\bIN\s*\(\s*)(?P<all>\$\d+[^(),$]*(?:,\s*\$\d+[^(),$]*)+)(?=\))", re.IGNORECASE
)
_ELEMENT = re.compile(r"\$\d+[^(),$]*")
_NUMBER = re.compile(r"\$(\d+)\b")


class Unreadable(Exception):
    """The statement is beyond the guard."""


def is_across(statement: str) -> bool:
    """Whether a comment in it says that it means all tenants, and why."""
    return "across" in statement.lower() and any(
        _ACROSS.match(found["comment"]) for found in _TOKEN.finditer(statement) if found["comment"]
    )


class Parsed(NamedTuple):
    """Without trees where a statement neither reads nor writes rows."""

    trees: Sequence[exp.Expr] = ()
    #: It takes the tables in them whole, as COPY and TRUNCATE do.
    whole: bool = False
    #: The numbers of parameters that stand, in what was left out, where this one stands.
    others: Mapping[int, Sequence[int]] = {}


def parsed(statement: str) -> Parsed:
    """Raises Unreadable."""
    text = _TOKEN.sub(_plain, statement)
    if whole := _WHOLE.match(text):
        return Parsed(_trees(f"SELECT FROM {whole['names'].replace('*', '')}"), whole=True)
    if copied := _COPIED_QUERY.match(text):
        text = copied[1]
    elif before := _BEFORE.match(text):
        text = text[before.end() :]
    if not _READ.match(text):
        return Parsed()
    text, others = shortened(text)
    if len(text) > LONGEST:
        raise Unreadable("it is too long")
    return Parsed(_trees(text), others=others)


def shortened(text: str) -> tuple[str, Mapping[int, Sequence[int]]]:
    """Without rows of VALUES and elements of IN that differ from the first in numbers of parameters alone.

    Parsing takes a millisecond for some ten of them, and drivers and ORMs write them by the thousand.
    """
    others: dict[int, list[int]] = {}
    for lists, parts in ((_ROWS, _ONE_ROW), (_LIST, _ELEMENT)):
        position = 0
        for _ in range(_MOST_LISTS):
            if (found := lists.search(text, position)) is None:
                break
            position = found.end()
            first, *rest = parts.findall(found["all"])
            numbers = [[int(number) for number in _NUMBER.findall(part)] for part in (first, *rest)]
            if len({_shape(part) for part in (first, *rest)}) > 1:
                continue
            moved = {
                here: there
                for here, *those in zip(*numbers, strict=True)
                if (there := sorted({*those} - {here}))
            }
            around = text[: found.start()] + text[found.end() :]
            if any(int(number) in moved for number in _NUMBER.findall(around)):
                continue
            others.update(moved)
            text = f"{text[: found.start('all')]}{first}{text[found.end() :]}"
            position = found.start("all") + len(first)
    return text, others


def _shape(part: str) -> str:
    """The text, with parameters numbered as they come in it."""
    seen: dict[str, int] = {}
    return _NUMBER.sub(lambda found: f"${seen.setdefault(found[1], len(seen))}", " ".join(part.split()))


def _trees(text: str) -> list[exp.Expr]:
    try:
        trees = sqlglot.parse(text, dialect="postgres")
    # Their texts quote the statement, and with it its values.
    except (sqlglot.errors.SqlglotError, RecursionError):
        raise Unreadable("its syntax is not known to the parser") from None
    return [tree for tree in trees if tree is not None]


def _plain(found: re.Match[str]) -> str:
    if found["parameter"]:
        # The tokenizer takes `$1,$` for the start of a string unless a space follows the number.
        return found[0] + " "
    if found["string"]:
        return found[0] if _SAFE.fullmatch(found[0]) else "'?'"
    return " " if found["comment"] or found["noise"] else found[0]
