"""What the CRM offers to other domains. Nothing else of it is theirs to import.

await crm.of(platform).timeline.add(session, [Event(at=..., kind="order_placed", source="ord_...", ...)])
"""

from __future__ import annotations

from dataclasses import dataclass

from tenfold_hub.crm.activities.occurrences import OccurrenceFollow, Occurrences, Times
from tenfold_hub.crm.activities.timeline import Event, Timeline
from tenfold_hub.crm.tags import TagFollow, Tagging
from tenfold_hub.kit.platform import Platform

__all__ = [
    "Crm",
    "Event",
    "OccurrenceFollow",
    "Occurrences",
    "TagFollow",
    "Tagging",
    "Timeline",
    "Times",
    "of",
]


@dataclass(frozen=True, slots=True)
class Crm:
    """Of one hub."""

    #: Where events of any domain are shown with everything else about a thing.
    timeline: Timeline
    #: Gives tags; `follow` is told of each that was given or taken.
    tagging: Tagging
    #: When activities took place; `follow` is told of what changes that.
    occurrences: Occurrences


def of(platform: Platform) -> Crm:
    found: Crm = platform.services["crm"]
    return found
