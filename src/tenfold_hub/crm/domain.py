"""The CRM, as a part of a hub."""

from __future__ import annotations

from tenfold_hub.crm import companies, contacts
from tenfold_hub.kit.platform import Platform


def join(platform: Platform) -> None:
    platform.add(companies.COMPANIES).prepare.append(companies.normalise)
    platform.add(contacts.CONTACTS)
