"""What caches on the way to the user may keep: nothing of a tenant, of a login, or of an error."""

from __future__ import annotations

from tenfold.runtime.cdn.caching import Caching
from tenfold.runtime.cdn.classes import (
    API,
    LANDING_PAGE,
    PRIVATE,
    TEMPLATE_PREVIEW,
    TRACKING_PIXEL,
    UPLOADED_FILE,
    AssetClass,
)
from tenfold.runtime.cdn.credentials import Credentials
from tenfold.runtime.cdn.witness import TenantWitness

__all__ = [
    "API",
    "LANDING_PAGE",
    "PRIVATE",
    "TEMPLATE_PREVIEW",
    "TRACKING_PIXEL",
    "UPLOADED_FILE",
    "AssetClass",
    "Caching",
    "Credentials",
    "TenantWitness",
]
