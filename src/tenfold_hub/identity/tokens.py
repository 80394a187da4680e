"""Secrets that are given to somebody once: `<prefix>_<organization>_<secret>`. The hub keeps a hash.

A token names its organization, so that it is looked up under that organization's policies, like everything
else: no statement asks across organizations to find out who is asking.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid

from tenfold_hub.kit import ids


def new_token(prefix: str, organization: uuid.UUID) -> str:
    return f"{ids.shown(prefix, organization)}_{secrets.token_urlsafe(32)}"


def organization_of(prefix: str, token: str) -> uuid.UUID | None:
    """The organization that a token claims to be of; None for what is no token of this prefix."""
    head, _, secret = token.removeprefix(f"{prefix}_").partition("_")
    try:
        return ids.read(prefix, f"{prefix}_{head}") if secret and token.startswith(f"{prefix}_") else None
    except ids.IdError:
        return None


def hash_of(token: str) -> bytes:
    # The secret is 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(token.encode()).digest()
