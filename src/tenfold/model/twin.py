"""What a twin could not take over from its source."""

from __future__ import annotations

import msgspec


class NotCarried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of the source that the twin lacks, or has only a stand-in for."""

    #: Kind and name: `extension postgis`, `policy own on leads`.
    what: str
    #: The embedded server's own words.
    why: str
    #: What stands in its place; a plan that shows it is refused.
    stand_in: bool = False
