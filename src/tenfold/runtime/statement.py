"""Statements that a session does not send: they would end its transaction, or outlive it."""

from __future__ import annotations

import re
from functools import lru_cache

_ENDS = re.compile(
    r"\s*(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release)\b(?!\s+prepared)", re.I
)
_OUTLIVES = re.compile(r"\s*(?:prepare|deallocate|discard|load|listen)\b", re.I)
_HOLDS_LOCK = re.compile(r"\bpg_(?:try_)?advisory_lock(?:_shared)?\b", re.I)


#: Answers for longer texts are not kept: they hold values, and come once.
_LONGEST_KEPT = 10_000


def refusal(statement: str) -> str:
    """Why it is not sent, and what to do instead; empty for one that is. No wall against ill will."""
    return _kept(statement) if len(statement) <= _LONGEST_KEPT else _refusal(statement)


def _refusal(statement: str) -> str:
    if _ENDS.match(statement):
        return "a session begins and ends its transaction itself; leave its block, or use savepoint()"
    if _OUTLIVES.match(statement):
        return "PREPARE, DISCARD, LOAD and LISTEN outlive the transaction, on a connection that others get"
    if _HOLDS_LOCK.search(statement):
        return (
            "this lock outlives the transaction, on a connection that others get; take pg_advisory_xact_lock"
        )
    return ""


_kept = lru_cache(maxsize=4096)(_refusal)
