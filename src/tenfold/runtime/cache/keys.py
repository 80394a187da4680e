"""Names of cached things. The tenant is in every name by construction, and two keys never share one.

A name begins with the application, then `v` for a value, `l` for the lease of a load, `s` for the scope of a
namespace, `t` for a tag; then the tenant in braces (one hash slot per tenant), namespace and key.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TypeAlias

from tenfold.errors import CacheKeyError, InvalidTenantError, NamespaceError
from tenfold.runtime.tenant import TenantId, tenant_id

KeyPart: TypeAlias = str | int | uuid.UUID
#: `1` and `"1"` are one key, and so are a UUID and its text; a tuple of parts is a key of its own.
Key: TypeAlias = KeyPart | tuple[KeyPart, ...]

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_LONGEST = 1024
_DIGEST_BYTES = 16
#: Stands where the tenant does for what belongs to no tenant; no id looks like it.
_PLATFORM = "*"


class Names:
    """The names of one namespace for one tenant; `tenant=None` is the platform itself."""

    __slots__ = ("_digest", "_value", "scope", "tag_prefix")

    def __init__(
        self, application: str, namespace: str, tenant: TenantId | None, digest: bytes | None = None
    ) -> None:
        owner = f"{{{tenant_text(tenant)}}}"
        self.scope = f"{application}:s:{owner}:{namespace}"
        self._value = f"{application}:v:{owner}:{namespace}:"
        self.tag_prefix = f"{application}:t:{owner}:"
        self._digest = digest

    def value(self, key: object) -> str:
        """The name of the value of a key. Raises CacheKeyError, which does not repeat the key."""
        text = _key_text(key)
        if self._digest is None:
            return self._value + text
        hashed = hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES, key=self._digest)
        return f"{self._value}#{hashed.hexdigest()}"

    def tag(self, tag: str) -> str:
        """Raises CacheKeyError."""
        if not isinstance(tag, str) or not tag or not _encodable(tag):
            raise CacheKeyError(f"a tag is a Unicode text of 1 to {_LONGEST} characters")
        return self.tag_prefix + tag


def lease_name(value_name: str) -> str:
    """The name of the lease that a load of this value holds."""
    return value_name.replace(":v:", ":l:", 1)


def tenant_text(tenant: TenantId | None) -> str:
    """Raises InvalidTenantError."""
    if tenant is None:
        return _PLATFORM
    if isinstance(tenant, str):
        raise InvalidTenantError("a cache takes the id of a tenant as a UUID or an integer, not as a text")
    return str(tenant_id(tenant, int if isinstance(tenant, int) else uuid.UUID))


def word(text: str, what: str) -> str:
    """The text, if it can be a part of a name. Raises NamespaceError."""
    if not isinstance(text, str) or not _WORD.match(text):
        raise NamespaceError(f"{what} is a word of letters, digits and _ . - with at most 64 of them")
    return text


def _key_text(key: object) -> str:
    if isinstance(key, tuple):
        if not key:
            raise CacheKeyError("an empty tuple is no key")
        # Lengths stand before the parts, so that ("a:b", "c") and ("a", "b:c") differ.
        parts = [_part_text(part) for part in key]
        text = "+" + "".join(f"{len(part)}.{part}" for part in parts)
    else:
        text = "=" + _part_text(key)
    if not _encodable(text):
        raise CacheKeyError(f"a key is a Unicode text of up to {_LONGEST} characters")
    return text


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return str(part)
    if isinstance(part, bool) or not isinstance(part, int | uuid.UUID):
        raise CacheKeyError(f"a key is a str, int or UUID, or a tuple of them, not a {type(part).__name__}")
    return str(part)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= _LONGEST
