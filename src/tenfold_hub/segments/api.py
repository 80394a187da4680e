"""What segments offer to other domains. Nothing else of them is theirs to import.

segments.of(platform).tags = tags_of
await segments.of(platform).touched(session, "contacts", {id: {"tag"}})
"""

from __future__ import annotations

from tenfold_hub.kit.platform import Platform
from tenfold_hub.segments.keeping import ENTERED, LEFT, Keeper, Tags

__all__ = ["ENTERED", "LEFT", "Keeper", "Tags", "of"]


def of(platform: Platform) -> Keeper:
    """Who keeps the members of segments in this hub."""
    found: Keeper = platform.services["segments"]
    return found
