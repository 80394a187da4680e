"""What is to be known before row-level security is switched on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tenfold.model.wording import counted


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


class MayBeNull(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant column that may be null: a row where it is belongs to nobody, and no tenant sees it."""

    table: str
    column: str
    #: Of the rows that statistics looked at, those where it is null; None where there are no statistics.
    share: float | None
    #: Whether the table has policies already, which may let such rows in.
    has_policies: bool
    #: The statement that counts them, for a role that policies do not bind.
    count: str


class OtherMechanism(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that goes by something else than the setting that plans use, or by more than that."""

    table: str
    policy: str
    permissive: bool
    #: What it goes by, as it is written there.
    mechanism: str
    #: What becomes of it, and what happens where it and the setting's policy both stand; one clause.
    outcome: str


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    #: The run-time setting that every session has to set in every transaction.
    setting: str
    column: str | None
    roles: tuple[Connecting, ...]
    unbound: tuple[Unbound, ...]
    may_be_null: tuple[MayBeNull, ...]
    other_mechanisms: tuple[OtherMechanism, ...]
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
            name = "name" if len(self.unbound) > 1 else "names"
            found.append(f"{counted(len(self.unbound), 'statement')} {name} no tenant")
        if self.may_be_null:
            columns = counted(len(self.may_be_null), "tenant column")
            found.append(f"{columns} may be null: no tenant would see a row where it is")
        if self.other_mechanisms:
            others = len(self.other_mechanisms)
            go = "goes" if others == 1 else "go"
            found.append(
                f"{counted(others, 'policy', 'policies')} {go} by something else than {self.setting}"
            )
        if self.sets_tenant is False:
            found.append(f"no recorded statement sets {self.setting}: every table would look empty")
        return tuple(found)
