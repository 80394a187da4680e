"""What a tenant column is compared with, and whether it is the session's tenant.

Only what can be compared with certainty is: a value of a type that no id of a tenant has, or an expression
that the server computes, is left to row-level security.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tenfold.errors import InvalidTenantError
from tenfold.runtime.tenant import TenantId, tenant_id


class Parameter(NamedTuple):
    """`$1` has the number 1. Each element of one that is `listed` is compared."""

    number: int
    listed: bool = False


class Constant(NamedTuple):
    """A literal, as text."""

    text: str


class Computed(NamedTuple):
    """An expression without columns: `current_setting(...)`, a function of one's own."""


Value: TypeAlias = Parameter | Constant | Computed


def is_of(tenant: TenantId, value: Value, parameters: Sequence[object]) -> bool:
    """False where the value is certainly not this tenant."""
    if isinstance(value, Parameter):
        number, listed = value
        if number > len(parameters):
            return True  # the server says it better
        given = parameters[number - 1]
        if given is tenant:
            return True
        if listed and isinstance(given, list | tuple | set | frozenset):
            return all(_is(tenant, each) for each in given)
        return _is(tenant, given)
    return not isinstance(value, Constant) or _is(tenant, value.text)


def _is(tenant: TenantId, given: object) -> bool:
    if given is None:
        return False
    if isinstance(given, str):
        try:
            return tenant_id(given, uuid.UUID if isinstance(tenant, uuid.UUID) else int) == tenant
        except InvalidTenantError:
            return False
    if isinstance(given, uuid.UUID | int) and not isinstance(given, bool):
        return given == tenant
    return True
