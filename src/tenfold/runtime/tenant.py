"""What a tenant's id is: a UUID or an integer, nothing else, whatever form it arrives in."""

from __future__ import annotations

import uuid
from typing import TypeAlias

from tenfold.errors import InvalidTenantError

TenantId: TypeAlias = uuid.UUID | int

_LEAST, _GREATEST = -(2**63), 2**63 - 1
# The longest text that can be one: a UUID in braces with `urn:uuid:` before it.
_LONGEST = 47


def tenant_id(value: object, kind: type[uuid.UUID] | type[int]) -> TenantId:
    """The id that the value stands for. Raises InvalidTenantError, which does not repeat the value."""
    if isinstance(value, bool) or not isinstance(value, uuid.UUID | int | str):
        raise InvalidTenantError(f"an id of a tenant is {_spoken(kind)}, not a {type(value).__name__}")
    if isinstance(value, str):
        return _parsed(value, kind)
    if not isinstance(value, kind):
        raise InvalidTenantError(f"an id of a tenant is {_spoken(kind)} here, not a {type(value).__name__}")
    if isinstance(value, int) and not _LEAST <= value <= _GREATEST:
        raise InvalidTenantError("an integer id of a tenant has 64 bits at most")
    return value


def _parsed(text: str, kind: type[uuid.UUID] | type[int]) -> TenantId:
    if len(text) <= _LONGEST and text.isascii():
        try:
            if kind is uuid.UUID:
                return uuid.UUID(text)
            if text.removeprefix("-").isdigit():
                return tenant_id(int(text), kind)
        except ValueError:  # told below, without the text
            pass
    raise InvalidTenantError(f"this text is not {_spoken(kind)}, so it is no id of a tenant")


def _spoken(kind: type) -> str:
    return "a UUID" if kind is uuid.UUID else "an integer"
