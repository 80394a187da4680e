"""The names that tenant columns and tenant tables go by."""

from __future__ import annotations

import re
from functools import lru_cache

# How sure a name alone makes us, from 0 to 1. Names of persons are left out: a user is seldom the tenant, and
# `user_id` is on most tables of most databases.
_CERTAIN = ("tenant", "organization", "organisation", "org", "team", "workspace")
_LIKELY = ("account", "company", "customer", "client", "shop", "store", "site", "school", "clinic", "firm")
_PERSONS = ("user", "owner", "author", "creator", "member", "person", "employee", "assignee")

_ID_SUFFIX = re.compile(r"(?:_?(?:id|uuid|key)|_fk)\Z")


@lru_cache(maxsize=65_536)
def stem(column: str) -> str | None:
    """What the column refers to by its name: `team` of `team_id`, `teamId`, `team_uuid`; None if nothing."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    bare = _ID_SUFFIX.sub("", snake)
    if bare == snake and bare not in _CERTAIN:
        return None
    return bare or None


def likelihood(column: str) -> float:
    """How likely a column of that name carries the tenant, before anything else is known."""
    name = stem(column)
    if name is None:
        return 0.0
    if name in _CERTAIN:
        return 1.0
    if name in _LIKELY:
        return 0.6
    return 0.05 if name in _PERSONS else 0.25


def table_names(column: str) -> tuple[str, ...]:
    """Names that the table behind such a column may have, likeliest first."""
    name = stem(column)
    if name is None:
        return ()
    plural = name[:-1] + "ies" if name.endswith("y") else name + ("es" if name.endswith("s") else "s")
    return (plural, name)
