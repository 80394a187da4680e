"""What is to be known before row-level security is switched on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Connecting(msgspec.Struct, frozen=True, kw_only=True):
    """A role that applications connect as, and what row-level security would do to it."""

    role: str
    #: Clients now, and the names that they give themselves; neither where only the configuration names it.
    connections: int
    applications: tuple[str, ...]
    exists: bool
    #: Whether policies would bind it.
    bound: bool
    #: Tables of tenants whose owner's rights it has.
    owns: tuple[str, ...]
    #: What that means, as one clause.
    meaning: str


class Unbound(msgspec.Struct, frozen=True):
    """A statement that names no tenant: whoever runs it may not know one, and would see nothing."""

    statement: str
    why: str


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    #: The run-time setting that every session has to set in every transaction.
    setting: str
    column: str | None
    roles: tuple[Connecting, ...]
    unbound: tuple[Unbound, ...]
    #: Whether a recorded statement sets the setting; None where no statements were recorded.
    sets_tenant: bool | None
    #: Code for the application, by library.
    snippets: Mapping[str, str]
    #: What could not be seen, and why.
    unknown: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against going on, each as one sentence."""
        found = [f"{role.role}: {role.meaning}" for role in self.roles if not role.bound or not role.exists]
        if not self.roles:
            found.append("no application is connected and none is configured: nobody can be checked")
        if self.unbound:
            found.append(f"{len(self.unbound)} statements name no tenant")
        if self.sets_tenant is False:
            found.append(f"no recorded statement sets {self.setting}: every table would look empty")
        return tuple(found)
