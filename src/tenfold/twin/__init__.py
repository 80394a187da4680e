"""The same schema and statistics in a private server, without a row: the real planner at any size."""

from __future__ import annotations

from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin

__all__ = ["Scale", "Twin"]
