"""What Python services import: tenant scope, routing, caching and paging that cannot go wrong quietly."""

from __future__ import annotations

from tenfold.runtime.database import Database
from tenfold.runtime.drivers import Row
from tenfold.runtime.observer import Observer
from tenfold.runtime.quote import quoted_name
from tenfold.runtime.routing import ReplicaSettings
from tenfold.runtime.session import Session
from tenfold.runtime.settings import LARGE, POOLED, SMALL, PoolSettings
from tenfold.runtime.tenant import TenantId

__all__ = [
    "LARGE",
    "POOLED",
    "SMALL",
    "Database",
    "Observer",
    "PoolSettings",
    "ReplicaSettings",
    "Row",
    "Session",
    "TenantId",
    "quoted_name",
]
