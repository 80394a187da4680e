"""Which server answers: decided in pure functions of what was seen and when, acted on in `servers`."""

from __future__ import annotations

from tenfold.runtime.routing.settings import ReplicaSettings

__all__ = ["ReplicaSettings"]
