"""Names of events, such as `crm.contacts.updated`, and patterns of them: `crm.*`, `*.created`, `*`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

#: What a pattern may be.
PATTERN = r"^(\*|[a-z0-9_-]+)(\.(\*|[a-z0-9_-]+)){0,5}$"


def matches(patterns: Iterable[str], topic: str) -> bool:
    """A `*` at the end stands for the rest of a name, anywhere else for one part of it."""
    return any(_compiled(pattern).match(topic) for pattern in patterns)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    *parts, last = pattern.split(".")
    turned = [r"[^.]+" if part == "*" else re.escape(part) for part in parts]
    # A leading `*` before one more part, as in `*.created`, is whatever comes before it.
    if turned and parts[0] == "*":
        turned[0] = r".+"
    turned.append(r".+" if last == "*" else re.escape(last))
    return re.compile(r"\.".join(turned) + r"\Z")
