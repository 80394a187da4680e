"""Statements that a session does not send: they would end its transaction, outlive it, or move its tenant."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_START = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_FLAGS = re.IGNORECASE | re.DOTALL
_ENDS = re.compile(
    _START + r"(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release)\b(?!\s+prepared)",
    _FLAGS,
)
_OUTLIVES = re.compile(_START + r"(?:prepare|deallocate|discard|load|listen)\b", _FLAGS)
_HOLDS_LOCK = re.compile(r"\bpg_(?:try_)?advisory_lock(?:_shared)?\b", re.IGNORECASE)

#: Answers for longer texts are not kept: they hold values, and come once.
_LONGEST_KEPT = 10_000


def refusals(setting: str) -> Callable[[str], str]:
    """What says why a statement is not sent, and what to do instead; empty for one that is sent.

    `setting` carries the tenant. No wall against ill will: text that a sender could choose can say all this
    in other ways.
    """
    name = r'"?\s*\.\s*"?'.join(map(re.escape, setting.split(".")))
    moves = re.compile(
        _START + rf'(?:set\s+(?:session\s+|local\s+)?"?{name}\b|reset\s+(?:all\b|"?{name}\b))'
        rf"|.*\bset_config\s*\(\s*'{name}'",
        _FLAGS,
    )

    def refusal(statement: str) -> str:
        if _ENDS.match(statement):
            return "a session begins and ends its transaction itself; leave its block, or use savepoint()"
        if _OUTLIVES.match(statement):
            return (
                "PREPARE, DISCARD, LOAD and LISTEN outlive the transaction, on a connection that others get"
            )
        if _HOLDS_LOCK.search(statement):
            return (
                "this lock outlives the transaction, on a connection that others get; take"
                " pg_advisory_xact_lock"
            )
        if moves.match(statement):
            return f"{setting} is the session's tenant; open a session of the other one with db.tenant(id)"
        return ""

    kept = lru_cache(maxsize=4096)(refusal)
    return lambda statement: (kept if len(statement) <= _LONGEST_KEPT else refusal)(statement)
