"""Policies that stand already and go by something else than the setting that plans use.

Each is told with what the plan makes of it, and with what the server does where it and a policy on the
setting both stand: permissive policies are ORed, a restrictive one is ANDed to all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from tenfold.model.audit import Audit
from tenfold.model.ddl import identifier
from tenfold.model.preflight import OtherMechanism
from tenfold.model.remedy import AlterPolicy, CreatePolicy, DropPolicy, Remedy
from tenfold.rules.mechanism import Mechanism, mechanism_of, taken_over
from tenfold.rules.subject import Subject, table_of
from tenfold.rules.tenancy._policies import TenantPolicies, TenantPolicy


def other_mechanisms(subject: Subject, audit: Audit) -> Iterator[OtherMechanism]:
    """By table, those that can apply to the application, and the restrictive ones for anybody."""
    policies = subject.once(TenantPolicies)
    remedies = [remedy for finding in audit.findings for remedy in finding.remedies]
    for entry in sorted(policies.effective, key=lambda each: (each.relation.display, each.policy.name)):
        mechanism = mechanism_of(subject.snapshot, entry.policy, subject.tenancy.setting)
        about = _about(remedies, entry)
        outcome = _rewritten(subject, entry, about) or _together(subject, policies, entry, mechanism, about)
        if outcome is not None:
            yield OtherMechanism(
                table=entry.relation.display,
                policy=identifier(entry.policy.name),
                permissive=entry.policy.permissive,
                mechanism=_said(mechanism, subject.tenancy.setting),
                outcome=outcome,
            )


def _said(mechanism: Mechanism, setting: str) -> str:
    if not mechanism.by_setting:
        return str(mechanism)
    # Here only if the plan has the other expression go by the setting too.
    return f"{mechanism} besides {setting}" if mechanism.others else f"{setting} in one expression only"


def _about(remedies: Iterable[Remedy], entry: TenantPolicy) -> list[Remedy]:
    """What the plan does to the policies of its table."""
    table = table_of(entry.relation)
    return [
        remedy
        for remedy in remedies
        if isinstance(remedy, CreatePolicy | AlterPolicy | DropPolicy) and remedy.table == table
    ]


def _rewritten(subject: Subject, entry: TenantPolicy, remedies: Iterable[Remedy]) -> str | None:
    """What the plan makes of the policy itself; None where it leaves what it goes by."""
    setting, name = subject.tenancy.setting, entry.policy.name
    for remedy in remedies:
        if isinstance(remedy, DropPolicy) and remedy.was.name == name:
            return "the plan drops it, since another policy serves what it does; who relied on it sees less"
        if isinstance(remedy, AlterPolicy) and remedy.name == name:
            clauses = [clause for clause, _ in taken_over(subject.snapshot, entry.policy, remedy, setting)]
            if clauses:
                return (
                    f"the plan rewrites its {' and '.join(clauses)} to compare with {setting}; "
                    "who relied on it as it is sees less"
                )
    return None


def _together(
    subject: Subject,
    policies: TenantPolicies,
    entry: TenantPolicy,
    mechanism: Mechanism,
    remedies: Sequence[Remedy],
) -> str | None:
    """What the server makes of it and of a policy on the setting, where both stand.

    None where it goes by the setting alone, or is the same for everybody and only narrows, or is narrowed.
    """
    setting = subject.tenancy.setting
    # Without an expression it lets nothing in.
    if not mechanism.others and (mechanism.by_setting or entry.deciding is None):
        return None
    if not entry.policy.permissive:
        if not mechanism.others:
            return None
        return (
            f"restrictive policies are ANDed: a row must pass it and the policy on {setting}; a session that "
            "sets only the one sees nothing"
        )
    wall = _wall(subject, policies, entry, remedies)
    if wall is not None:
        if not mechanism.others:
            return None
        return (
            f"ANDed with the restrictive policy {identifier(wall)} on {setting}: a row must pass both; a "
            "session that sets only the one sees nothing through it"
        )
    beside = _beside(subject, policies, entry, remedies)
    if beside is not None:
        return (
            f"permissive policies are ORed: it and {identifier(beside)} on {setting} each widen what the "
            "other lets in"
        )
    if mechanism.by_setting:
        return "the plan leaves it alone: which rows a session sees depends on both"
    return (
        f"the plan leaves it alone, so that {setting} does not isolate this table; a permissive policy on "
        f"{setting} beside it would be ORed, and widen what it lets in; a restrictive one would be ANDed"
    )


def _wall(
    subject: Subject, policies: TenantPolicies, entry: TenantPolicy, remedies: Iterable[Remedy]
) -> str | None:
    """A restrictive policy on the setting that stands, or will stand, beside it."""
    standing = (wall.policy.name for wall in policies.walls(entry) if _goes_by_setting(subject, wall))
    planned = (each.name for each in remedies if isinstance(each, CreatePolicy) and not each.permissive)
    return next(chain(standing, planned), None)


def _beside(
    subject: Subject, policies: TenantPolicies, entry: TenantPolicy, remedies: Iterable[Remedy]
) -> str | None:
    """A permissive policy on the setting that stands, or will stand, beside it."""
    standing = (
        other.policy.name
        for other in policies.of[entry.policy.relation]
        if policies.is_alternative(other, entry) and _goes_by_setting(subject, other)
    )
    planned = (each.name for each in remedies if isinstance(each, CreatePolicy) and each.permissive)
    return next(chain(standing, planned), None)


def _goes_by_setting(subject: Subject, entry: TenantPolicy) -> bool:
    return mechanism_of(subject.snapshot, entry.policy, subject.tenancy.setting).by_setting
