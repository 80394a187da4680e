"""What members of an organization may do, by their role: a role is a name for scopes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem

Role: TypeAlias = Literal["owner", "admin", "member", "read_only"]
Scope = Annotated[str, Meta(pattern=r"^(\*|(\*|[a-z][a-z_-]*):(\*|[a-z]+))$", max_length=100)]

SCOPES: dict[str, frozenset[str]] = {
    "owner": frozenset({"*"}),
    "admin": frozenset({"*:read", "*:write", "*:admin"}),
    "member": frozenset({"*:read", "*:write"}),
    "read_only": frozenset({"*:read"}),
}


def require_all(principal: Principal, scopes: frozenset[str] | list[str]) -> None:
    """Nobody gives what they do not have. Raises Problem `forbidden`."""
    lacking = sorted(scope for scope in scopes if not principal.may(scope))
    if lacking:
        raise Problem("forbidden", f"these credentials lack {', '.join(lacking)}, and cannot give it")
