"""A snapshot's schema as statements, in the order in which they can run. Pure."""

from __future__ import annotations

from tenfold.twin.schema.step import Stage, Step
from tenfold.twin.schema.write import schema_stages

__all__ = ["Stage", "Step", "schema_stages"]
