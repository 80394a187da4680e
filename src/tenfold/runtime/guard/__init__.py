"""Finds statements that read or write tenants' rows and do not say whose."""

from __future__ import annotations

from tenfold.runtime.guard.guard import Found, Guard, GuardStatistics
from tenfold.runtime.guard.tables import TenantTable

__all__ = ["Found", "Guard", "GuardStatistics", "TenantTable"]
