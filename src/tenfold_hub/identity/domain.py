"""Identity, as a part of a hub."""

from __future__ import annotations

from tenfold_hub.identity import people
from tenfold_hub.kit.platform import Platform


def join(platform: Platform) -> None:
    platform.add(people.PEOPLE).prepare.append(people.normalise)
