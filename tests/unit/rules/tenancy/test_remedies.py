"""What the policy rules would do about a finding, where the finding's going away does not show it."""

from __future__ import annotations

from types import ModuleType

from tenfold.model.relations import Column, Policy, PolicyCommand
from tenfold.model.remedy import AlterPolicy, DropPolicy, Remedy
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy import policy_always_true, policy_open_when_unset, rls_setting_per_row
from tests.unit.rules.build import role, subject, table

SETTING = "current_setting('app.team_id'::text, true)"
OWN = f"(team_id = ( SELECT (NULLIF({SETTING}, ''::text))::bigint AS \"nullif\"))"


def of(*policies: Policy) -> Subject:
    return subject(
        relations=(table(1, "messages", rls_enabled=True),),
        columns=(Column(1, 2, "team_id", "bigint", 20, "b", "N", True),),
        policies=policies,
        roles=(role(10, "postgres", superuser=True),),
        tenancy=Tenancy(
            column="team_id",
            columns=("team_id",),
            setting="app.team_id",
            tables=(TableTenancy(1, "tenant", "has team_id", "team_id"),),
        ),
    )


def policy(name: str, using: str, check: str | None = None, command: PolicyCommand = "*") -> Policy:
    return Policy(len(name), 1, name, command, True, (0,), using, check, (2,))


def remedies(rule: ModuleType, judged: Subject) -> list[Remedy]:
    return [remedy for finding in rule.check(judged) for remedy in finding.remedies]


def test_a_policy_is_dropped_only_where_another_serves_all_that_it_does() -> None:
    (dropped,) = remedies(policy_always_true, of(policy("own", OWN), policy("all", "true")))
    assert isinstance(dropped, DropPolicy)
    (altered,) = remedies(policy_always_true, of(policy("own", OWN, command="r"), policy("all", "true")))
    assert isinstance(altered, AlterPolicy)


def test_a_check_that_isolates_is_left_as_it_is() -> None:
    (altered,) = remedies(policy_always_true, of(policy("all", "true", f"({OWN} AND (id > 0))")))
    assert isinstance(altered, AlterPolicy)
    assert altered.using is not None
    assert altered.check is None


def test_the_setting_that_the_policy_reads_is_kept() -> None:
    other = "current_setting('other.team'::text, true)"
    opening = f"(({other} IS NULL) OR (team_id = ({other})::bigint))"
    (altered,) = remedies(policy_open_when_unset, of(policy("own", opening)))
    assert isinstance(altered, AlterPolicy)
    assert altered.using == "team_id = (SELECT NULLIF(current_setting('other.team', true), '')::bigint)"
    assert altered.old_using == opening


def test_what_the_policy_says_besides_is_kept() -> None:
    (altered,) = remedies(
        rls_setting_per_row, of(policy("own", f"((team_id = ({SETTING})::bigint) AND open)"))
    )
    assert isinstance(altered, AlterPolicy)
    assert altered.using is not None
    assert "AND open" in altered.using
    assert altered.check is None
