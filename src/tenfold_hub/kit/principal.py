"""Who asks: the credential of a request, its organization, and what it may do."""

from __future__ import annotations

import uuid

import msgspec

from tenfold_hub.kit.problems import Problem


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Of one request, or of a job that works on behalf of one."""

    organization: uuid.UUID
    #: The API key or user; `kind` says which.
    id: uuid.UUID
    kind: str
    #: Such as `contacts:read`; `*` is everything.
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        name, _, verb = scope.partition(":")
        return bool(self.scopes & {"*", scope, f"*:{verb}", f"{name}:*"})

    def require(self, scope: str) -> None:
        """Raises Problem `forbidden`."""
        if not self.may(scope):
            raise Problem("forbidden", f"these credentials lack the scope {scope}")
