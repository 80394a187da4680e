"""A headless customer platform of many organizations: identity, CRM and commerce behind one API."""

from __future__ import annotations
