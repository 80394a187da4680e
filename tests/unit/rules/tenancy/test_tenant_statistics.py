"""What the rules make of a tenant column's statistics."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.model.finding import Finding
from tenfold.model.relations import ColumnStatistics
from tenfold.model.remedy import SetStatistics
from tenfold.model.tenancy import TableTenancy, Tenancy
from tenfold.rules.subject import Subject
from tenfold.rules.tenancy import tenant_skew, tenant_stats_missing
from tests.unit.rules.build import column, subject, table

#: A tenant's id, which must be in no message.
SECRET = "470011"


def made(*, n_distinct: float, frequencies: tuple[float, ...], teams: int = 0, target: int = -1) -> Subject:
    statistics = ColumnStatistics(
        relation=1,
        number=1,
        inherited=False,
        null_frac=0.0,
        avg_width=8,
        n_distinct=n_distinct,
        common_values=(SECRET,) * len(frequencies),
        common_frequencies=frequencies,
    )
    return subject(
        tenancy=Tenancy(
            column="team_id",
            tenant_table=2,
            tenant_key="id",
            tables=(TableTenancy(1, "tenant", "", "team_id"), TableTenancy(2, "tenant_table", "", "id")),
        ),
        relations=(table(1, "messages", rows=1_000_000.0), table(2, "teams", rows=float(teams))),
        columns=(column(1, 1, "team_id", statistics_target=target), column(2, 1, "id")),
        statistics=(statistics,),
    )


def skew(**given: Any) -> list[Finding]:
    return list(tenant_skew.check(made(**given)))


def missing(**given: Any) -> list[Finding]:
    return list(tenant_stats_missing.check(made(**given)))


def wanted(findings: list[Finding]) -> int:
    (finding,) = findings
    (remedy,) = finding.remedies
    assert isinstance(remedy, SetStatistics)
    return remedy.target


def test_skew_tells_the_share_and_the_times_and_no_tenant() -> None:
    (finding,) = skew(n_distinct=200.0, frequencies=(0.4, 0.1))
    assert "40%" in finding.message
    assert "80 times" in finding.message
    assert SECRET not in finding.message


def test_a_negative_n_distinct_is_a_share_of_the_rows() -> None:
    # A ten-thousandth of a million rows is 100 tenants: 0.4 is forty times the mean.
    (finding,) = skew(n_distinct=-0.0001, frequencies=(0.4,))
    assert "40 times" in finding.message


@pytest.mark.parametrize(
    ("n_distinct", "share"), [(200.0, 0.29), (20.0, 0.4)], ids=["small share", "near the mean"]
)
def test_a_large_share_or_a_high_multiple_alone_is_no_skew(n_distinct: float, share: float) -> None:
    assert skew(n_distinct=n_distinct, frequencies=(share,)) == []


def test_a_full_list_gets_room_for_every_tenant() -> None:
    full = (0.2, *(0.001,) * 99)
    assert wanted(missing(n_distinct=940.0, frequencies=full)) == 1_000


def test_the_target_stays_within_what_the_server_takes() -> None:
    full = (0.2, *(0.001,) * 99)
    assert wanted(missing(n_distinct=50_000.0, frequencies=full)) == 10_000


def test_a_list_that_is_not_full_or_not_skewed_is_enough() -> None:
    assert missing(n_distinct=940.0, frequencies=(0.2, *(0.001,) * 50)) == []
    assert missing(n_distinct=940.0, frequencies=(0.001,) * 100) == []


def test_a_column_s_own_target_goes_before_the_server_s() -> None:
    full = (0.2, *(0.001,) * 99)
    assert missing(n_distinct=940.0, frequencies=full, target=200) == []


def test_more_tenants_than_there_are_is_wrong_and_the_count_of_teams_is_right() -> None:
    findings = missing(n_distinct=-0.5, frequencies=(), teams=420)
    assert wanted(findings) == 500
    assert "500,000 tenants, where there are 420" in findings[0].message


def test_an_estimate_that_is_not_far_off_is_left_alone() -> None:
    assert missing(n_distinct=700.0, frequencies=(), teams=420) == []
