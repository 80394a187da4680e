"""How many distinct values ANALYZE says there are, and what it tells of those that are there."""

from __future__ import annotations

import math

import pytest

from tenfold.growth.distinct import SAMPLE, domain_size, estimated, seen


def test_a_table_that_is_looked_at_whole_shows_what_it_has() -> None:
    assert estimated(1000, SAMPLE) == seen(1000, SAMPLE)


def test_of_values_that_repeat_seldom_too_few_are_found_in_a_sample() -> None:
    assert estimated(400_000, 880_000) < 0.85 * seen(400_000, 880_000)


def test_values_that_repeat_often_are_found_in_a_sample_too() -> None:
    assert estimated(100, 1_000_000) == pytest.approx(100)


def test_fewer_are_found_where_equal_values_lie_together() -> None:
    # lineitem.l_orderkey of TPC-H at scale 1: 1.5 million orders, and ANALYZE says about 400,000.
    assert estimated(1_500_000, 6_000_000, looked_at=1_600_000) == pytest.approx(390_000, rel=0.05)
    assert estimated(1_500_000, 6_000_000) > 700_000


@pytest.mark.parametrize("rows", [2_000.0, 100_000.0, 5_000_000.0])
def test_the_domain_is_found_from_what_analyze_says_of_it(rows: float) -> None:
    domain = rows / 3
    assert domain_size(estimated(domain, rows), rows) == pytest.approx(domain, rel=1e-6)


def test_values_that_never_repeat_tell_no_domain() -> None:
    assert domain_size(500, 500) == math.inf
