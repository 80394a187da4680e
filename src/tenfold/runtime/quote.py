"""Names as parts of a statement, where no parameter can stand."""

from __future__ import annotations

import re
from functools import lru_cache

from tenfold.errors import UsageError

_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+\Z")


@lru_cache(4_096)
def quoted_name(*parts: str) -> str:
    """A name in double quotes, with its schema before it: `"app"."leads"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def setting_name(name: str) -> str:
    """The name of a run-time setting of one's own. Raises UsageError where it is none."""
    if not _SETTING.match(name):
        raise UsageError(f"{name!r} is no name of a setting; it has a prefix and a dot, as app.tenant_id")
    return name
