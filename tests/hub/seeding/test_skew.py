"""How persons are spread over organizations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_hub.seeding.skew import sizes


@given(st.integers(1, 300), st.integers(0, 100_000), st.floats(0, 3))
def test_all_persons_are_somewhere_and_no_organization_is_empty(count: int, extra: int, skew: float) -> None:
    found = sizes(count, count + extra, skew)
    assert len(found) == count
    assert sum(found) == count + extra
    assert min(found) >= 1
    assert found == sorted(found, reverse=True)


def test_without_skew_all_are_alike() -> None:
    assert sizes(4, 40, 0) == [10, 10, 10, 10]


@pytest.mark.parametrize(("skew", "share"), [(0.5, 0.05), (1.0, 0.19), (2.0, 0.61)])
def test_the_first_of_a_hundred_has_its_share(skew: float, share: float) -> None:
    assert sizes(100, 1_000_000, skew)[0] / 1_000_000 == pytest.approx(share, abs=0.01)
