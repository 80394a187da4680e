"""What a query says of all tenants, kept as a table, refreshed, and shown to each tenant his own rows."""

from __future__ import annotations

from tenfold.runtime.read_models.model import ReadModel
from tenfold.runtime.read_models.refresh import Limits, Refreshed
from tenfold.runtime.read_models.refresher import Refresher

__all__ = ["Limits", "ReadModel", "Refreshed", "Refresher"]
