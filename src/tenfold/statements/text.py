"""The text of one statement: what kind it is, its tree, and how it may be named and shown.

Constants never leave: what is shown has `$1`, `$2`, ... in their place, whoever wrote the statement. Trees
are not kept, since each takes a thousand times the memory of its text; who needs one twice keeps what was
read from it, as `tenfold.rules.shapes` does.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from tenfold.model.activity import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

#: query: SELECT, VALUES, TABLE, or one that begins with WITH. utility: everything that is not DML.
StatementKind = Literal["query", "insert", "update", "delete", "merge", "utility"]

#: Instead of a text whose constants cannot be told from the rest.
NOT_SHOWN = "text not shown"

_SHOWN_CHARACTERS = 160
# Distinct texts: pg_stat_statements.max is 5000 unless raised.
_KEPT = 8_192

_FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*([A-Za-z]+)", re.DOTALL)
_KINDS: dict[str, StatementKind] = {
    "SELECT": "query",
    "WITH": "query",
    "VALUES": "query",
    "TABLE": "query",
    "INSERT": "insert",
    "UPDATE": "update",
    "DELETE": "delete",
    "MERGE": "merge",
}

# A space that nobody types.
_ADDED = "\v"
# A parameter, or what may hold a `$1` that is none: strings, quoted names, comments.
_PARAMETER = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$([A-Za-z_]\w*)?\$.*?\$\1\$|(?P<parameter>\$\d+)""",
    re.DOTALL,
)
# What stands for a constant while words are counted: no token of SQL.
_VALUE = "$"
_LIST = re.compile(r"\( \$(?: , \$)+ \)")


def kind_of(text: str) -> StatementKind:
    """By the first word after comments and parentheses."""
    first = _FIRST_WORD.match(text)
    return _KINDS.get(first.group(1).upper(), "utility") if first else "utility"


def parse(text: str) -> exp.Expr | None:
    """The tree of one DML statement; None for utilities and for what cannot be parsed."""
    if kind_of(text) == "utility":
        return None
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(_spaced(text), dialect="postgres")
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 else None


def title(statement: Statement) -> str:
    """What a finding calls it: its name in the workload, or `statement` and the fingerprint of its text."""
    return statement.name or f"statement {fingerprint(statement.text)}"


@lru_cache(_KEPT)
def shown(text: str) -> str:
    """A DML statement on one line, without its constants, cut to length; NOT_SHOWN for any other text."""
    words = _words(text) if kind_of(text) != "utility" else None
    if words is None:
        return NOT_SHOWN
    parts = []
    for number, (word, spaced) in enumerate(_numbered(words)):
        parts.append(f" {word}" if spaced and number else word)
    line = "".join(parts)
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1].rstrip() + "…"


@lru_cache(_KEPT)
def fingerprint(text: str) -> str:
    """Eight hex digits, alike for texts that differ in constants, lengths of lists, case or space only."""
    words = _words(text)
    plain = text if words is None else " ".join(word if word[0] == '"' else word.lower() for word, _ in words)
    return hashlib.sha256(_LIST.sub(f"( {_VALUE} )", plain).encode()).hexdigest()[:8]


def _spaced(text: str) -> str:
    # The tokenizer takes `$1,$` for the start of a dollar-quoted string unless a space follows the number.
    return _PARAMETER.sub(lambda found: found[0] + _ADDED if found["parameter"] else found[0], text)


def _words(text: str) -> list[tuple[str, bool]] | None:
    """Its words, `$` for each constant or parameter, and whether there was space before them.

    None where it cannot be cut into words, or where a string may end elsewhere than it seems to.
    """
    from sqlglot.dialects.postgres import Postgres
    from sqlglot.errors import SqlglotError

    spaced = _spaced(text)
    try:
        tokens = Postgres().tokenize(spaced)
    except SqlglotError:
        return None
    return None if any(_ends_in_doubt(token) for token in tokens) else list(_read(spaced, tokens))


def _read(text: str, tokens: list[Token]) -> Iterator[tuple[str, bool]]:
    from sqlglot import TokenType

    end, last = 0, ""
    for token in tokens:
        if token.token_type is TokenType.PARAMETER:
            continue
        between = text[end : token.start].removesuffix("$")
        word = text[token.start : token.end + 1]
        if token.token_type in _constants() and last not in ("IS", "NOT"):
            word = _VALUE
        yield word, between not in ("", _ADDED)
        end, last = token.end + 1, word.upper()


def _numbered(words: list[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    number = 0
    for word, spaced in words:
        number += word == _VALUE
        yield (f"{_VALUE}{number}" if word == _VALUE else word), spaced


@lru_cache(1)
def _constants() -> frozenset[object]:
    from sqlglot import TokenType

    words = """STRING NUMBER BIT_STRING HEX_STRING BYTE_STRING NATIONAL_STRING RAW_STRING HEREDOC_STRING
        UNICODE_STRING TRUE FALSE NULL"""
    return frozenset(TokenType[word] for word in words.split())


def _ends_in_doubt(token: Token) -> bool:
    """Whether a backslash before the closing quote was an escape, as it is without standard strings."""
    from sqlglot import TokenType

    return token.token_type is TokenType.STRING and token.text.endswith("\\")
