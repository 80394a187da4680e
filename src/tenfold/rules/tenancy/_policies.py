"""The policies that guard tenants' rows, each with the reading of its expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec

from tenfold.model.ddl import identifier, qualified
from tenfold.model.finding import Priority
from tenfold.model.relations import Column, Policy, Relation
from tenfold.model.remedy import AlterPolicy, CreatePolicy
from tenfold.model.roles import Function
from tenfold.rules.coverage import is_usable, leads_with
from tenfold.rules.isolation import tenant_condition
from tenfold.rules.privileges import PUBLIC, Privileges
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._expressions import STATES, Bodies, Reading, State, read

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


class TenantPolicy(msgspec.Struct, frozen=True, gc=False):
    """A policy on a table that belongs to tenants: one with the tenant column, a child, the tenant table."""

    relation: Relation
    policy: Policy
    #: The tenant column, or the tenant table's key; None on a child.
    column: Column | None
    using: Reading | None
    check: Reading | None

    @property
    def label(self) -> str:
        return f"policy {self.policy.name} on {self.relation.display}"

    @property
    def deciding(self) -> Reading | None:
        """The reading that decides: of USING, or of the check of an INSERT policy, which has nothing else."""
        return self.using or self.check

    @property
    def writing(self) -> Reading | None:
        """The reading that new rows must pass: without a check, USING serves."""
        return self.check or self.using

    @property
    def leak(self) -> Priority:
        """How urgent a leak through it is: it does nothing yet where row-level security is off."""
        return Priority.P0 if self.relation.rls_enabled else Priority.P1


class TenantPolicies:
    """All of them, by relation. Made by `subject.once(TenantPolicies)`."""

    def __init__(self, subject: Subject) -> None:
        self._privileges = subject.once(Privileges)
        #: By relation oid: those that can apply to the application, and the restrictive ones for anybody.
        self.of: Mapping[int, tuple[TenantPolicy, ...]] = {
            relation: tuple(entry for entry in entries if self._counts(entry.policy))
            for relation, entries in _by_relation(subject).items()
        }
        self.effective = tuple(entry for entries in self.of.values() for entry in entries)

    def _counts(self, policy: Policy) -> bool:
        return not policy.permissive or self._privileges.reaches_application(policy.roles)

    # --- how they work together ---

    def walls(self, entry: TenantPolicy) -> tuple[TenantPolicy, ...]:
        """Restrictive policies that a row let in by this one has to pass as well."""
        return tuple(
            wall
            for wall in self.of[entry.policy.relation]
            if not wall.policy.permissive and wall is not entry and self._covers(wall.policy, entry.policy)
        )

    def behind(self, wall: TenantPolicy) -> tuple[TenantPolicy, ...]:
        """Permissive policies whose rows have to pass this restrictive one."""
        return tuple(
            entry
            for entry in self.of[wall.policy.relation]
            if entry.policy.permissive and _same_command(wall.policy, entry.policy)
        )

    def is_alternative(self, other: TenantPolicy, entry: TenantPolicy) -> bool:
        """Whether the other is OR-ed with this one: permissive, for the same command and audience."""
        return (
            other is not entry
            and other.policy.permissive
            and _same_command(other.policy, entry.policy)
            and self._same_audience(other.policy, entry.policy)
        )

    def cancels_isolation(self, entry: TenantPolicy) -> bool:
        """Whether it is permissive and always true, with no wall that tells one session from another."""
        if not entry.policy.permissive or entry.deciding is None or not entry.deciding.whatever.always:
            return False
        return all(wall.deciding is not None and wall.deciding.lets_anybody_in for wall in self.walls(entry))

    def replaces(self, other: TenantPolicy, entry: TenantPolicy) -> bool:
        """Whether the other serves all that this one does, and isolates, so that this one can go."""
        covers = other is not entry and other.policy.permissive and self._covers(other.policy, entry.policy)
        return covers and not self.cancels_isolation(other)

    def opens(self, entry: TenantPolicy) -> tuple[State, ...]:
        """The states of the setting in which other tenants' rows pass it and everything beside it."""
        if not any(reading is not None and reading.opens for reading in (entry.using, entry.check)):
            return ()
        return tuple(
            state
            for state in STATES
            if self._opens(entry, state, lambda one: one.deciding)
            or self._opens(entry, state, lambda one: one.writing)
        )

    def _opens(
        self, entry: TenantPolicy, state: State, reading_of: Callable[[TenantPolicy], Reading | None]
    ) -> bool:
        def passes(other: TenantPolicy) -> bool:
            reading = reading_of(other)
            return reading is not None and reading.when(state).sometimes

        reading = reading_of(entry)
        if reading is None or reading.whatever.always or state not in reading.opens:
            return False
        if not all(passes(wall) for wall in self.walls(entry)):
            return False
        # A restrictive policy opens nothing as long as what stands behind it is closed or not understood.
        return entry.policy.permissive or any(passes(other) for other in self.behind(entry))

    def _same_audience(self, one: Policy, other: Policy) -> bool:
        if set(one.roles) & set(other.roles):
            return True
        # Both can apply to the application's role, or they would not be here.
        known = self._privileges.application is not None
        return known and PUBLIC in (*one.roles, *other.roles)

    def _covers(self, other: Policy, policy: Policy) -> bool:
        """Whether it applies wherever this one does, as far as that concerns the application."""
        if other.command not in ("*", policy.command):
            return False
        if PUBLIC in other.roles or set(policy.roles) <= set(other.roles):
            return True
        return self._privileges.application is not None and self._privileges.reaches_application(other.roles)


def _by_relation(subject: Subject) -> Mapping[int, tuple[TenantPolicy, ...]]:
    found: defaultdict[int, list[TenantPolicy]] = defaultdict(list)
    snapshot = subject.snapshot
    for policy in snapshot.policies:
        part = subject.tenancy.of(policy.relation)
        if part is None or part.table_class == "shared" or policy.relation not in subject.judged:
            continue
        bodies = (
            _bodies(snapshot.function_by_oid[oid] for oid in policy.functions) if policy.functions else ()
        )
        found[policy.relation].append(
            TenantPolicy(
                snapshot.relation_by_oid[policy.relation],
                policy,
                subject.tenant_column_of.get(policy.relation),
                read(policy.using, bodies) if policy.using is not None else None,
                read(policy.check, bodies) if policy.check is not None else None,
            )
        )
    return {relation: tuple(entries) for relation, entries in found.items()}


def _bodies(functions: Iterable[Function]) -> Bodies:
    """Bodies of SQL functions without arguments, by every way an expression may call them."""
    return tuple(
        (f"{name}()", function.source)
        for function in functions
        if function.language == "sql" and not function.arguments and function.source
        for name in written_names(function)
    )


def written_names(function: Function) -> tuple[str, str]:
    """How an expression may write its name: bare where the search path finds it, else with its schema."""
    return identifier(function.name), qualified(function.schema, function.name)


def _same_command(one: Policy, other: Policy) -> bool:
    return one.command == other.command or "*" in (one.command, other.command)


def is_served(subject: Subject, entry: TenantPolicy) -> bool:
    """Whether an index leads with the tenant column and holds every row."""
    column = entry.column
    return column is not None and any(
        is_usable(index) and leads_with(index, column.number)
        for index in subject.snapshot.indexes_of(entry.relation.oid)
    )


# --- remedies ---


def tenant_only(subject: Subject, entry: TenantPolicy, reading: Reading | None) -> str | None:
    """The tenant condition that says in the best form what this expression means to say.

    None where it says anything else besides, so that the condition could not take its place.
    """
    if entry.column is None or reading is None or not reading.is_only_about(entry.column.name):
        return None
    (setting,) = reading.settings
    return tenant_condition(subject, entry.column.name, entry.column.type, setting=setting)


def closed(subject: Subject, entry: TenantPolicy) -> AlterPolicy | None:
    """The policy without what opens it while the setting is absent; None where that cannot be written."""
    using, check = (
        _closed(subject, entry, reading, text)
        for reading, text in ((entry.using, entry.policy.using), (entry.check, entry.policy.check))
    )
    if (entry.using and entry.using.opens and using is None) or (
        entry.check and entry.check.opens and check is None
    ):
        return None
    return alter(entry, using=using, check=check) if using or check else None


def _closed(subject: Subject, entry: TenantPolicy, reading: Reading | None, text: str | None) -> str | None:
    from tenfold.rules.tenancy._rewrite import without_openings

    if reading is None or text is None or not reading.opens:
        return None
    return tenant_only(subject, entry, reading) or without_openings(text)


def alter(entry: TenantPolicy, *, using: str | None = None, check: str | None = None) -> AlterPolicy:
    """The policy with new expressions; one that it lacks cannot be given and then taken away again."""
    policy = entry.policy
    return AlterPolicy(
        table=table_of(entry.relation),
        name=policy.name,
        using=using if policy.using is not None else None,
        check=check if policy.check is not None else None,
        old_using=policy.using if using is not None else None,
        old_check=policy.check if check is not None else None,
    )


def as_created(subject: Subject, entry: TenantPolicy) -> CreatePolicy:
    """The policy as it stands, to be dropped and restored."""
    policy = entry.policy
    roles = subject.snapshot.role_by_oid
    return CreatePolicy(
        table=table_of(entry.relation),
        name=policy.name,
        command=COMMANDS[policy.command],
        permissive=policy.permissive,
        roles=tuple(roles[oid].name for oid in policy.roles if oid != PUBLIC),
        using=policy.using,
        check=policy.check,
    )
