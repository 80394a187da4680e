"""What a statement does and to what, in a few words: a label for metrics, and the name of a span.

It reads the text of a statement's fingerprint, in which there is no value, and words, not grammar: an odd
statement gets an odd summary, but always the same one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias, cast

Kind: TypeAlias = Literal["select", "insert", "update", "delete", "other"]
KINDS: tuple[Kind, ...] = ("select", "insert", "update", "delete", "other")

#: From OpenTelemetry's conventions for databases.
LONGEST_SUMMARY = 255

_NAME = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_WORD = re.compile(rf"{_NAME}(?:\s*\.\s*{_NAME})*|[(),]")
_OPERATIONS = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"))
#: A relation follows.
_BEFORE_RELATION = frozenset(("FROM", "JOIN", "INTO", "USING"))
_PASSED_OVER = frozenset(("ONLY", "LATERAL", "TABLE"))
#: `FOR UPDATE`, `FOR NO KEY UPDATE` and `DO UPDATE` are parts of other operations.
_BEFORE_NO_OPERATION = frozenset(("FOR", "KEY", "DO"))
#: Commands that name a relation at once.
_ON_RELATION = frozenset(("COPY", "TRUNCATE"))
_AFTER_RELATIONS = frozenset(("WHERE", "GROUP", "ORDER", "RETURNING", "SET", "UNION", "INTERSECT", "EXCEPT"))


@lru_cache(maxsize=4096)
def kind_of(text: str) -> Kind:
    """That of the statement itself, whatever those before it in a WITH do."""
    depth = 0
    for number, word in enumerate(_WORD.findall(text.lstrip("( "))):
        depth += (word == "(") - (word == ")")
        upper = word.upper()
        if upper in _OPERATIONS and depth <= 0:
            return cast(Kind, word.lower()) if word.lower() in KINDS else "other"
        if number == 0 and upper != "WITH":
            break
    return "other"


def summary_of(text: str) -> str:
    """`INSERT shipping_details SELECT orders`: operations and relations as they were written, in order."""
    return _shortened(_parts(text))


def _parts(text: str) -> list[str]:
    words = _WORD.findall(text)
    parts: list[str] = []
    before, awaited = "", False
    #: For each open parenthesis: an operation was seen, relations are listed now.
    levels = [[False, False]]
    for number, word in enumerate(words):
        upper, level = word.upper(), levels[-1]
        if word == "(":
            levels.append([False, False])
            awaited = False
        elif word == ")":
            if len(levels) > 1:
                levels.pop()
        elif word == ",":
            awaited = level[1]
        elif upper in _OPERATIONS and before not in _BEFORE_NO_OPERATION:
            parts.append(word)
            level[:] = True, False
            awaited = upper == "UPDATE"
        elif upper in _BEFORE_RELATION and level[0] and before != "DISTINCT":
            awaited = level[1] = True
        elif upper in _AFTER_RELATIONS:
            awaited = level[1] = False
        elif awaited and upper not in _PASSED_OVER:
            parts.append(word)
            awaited = False
        elif number == 0 and upper != "WITH":
            parts.append(word)
            awaited = upper in _ON_RELATION
        before = upper
    return parts


def _shortened(parts: list[str]) -> str:
    found = ""
    for part in parts:
        longer = f"{found} {part}" if found else part
        if len(longer) > LONGEST_SUMMARY:
            break
        found = longer
    return found
