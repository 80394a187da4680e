"""What is found in memory at a later size."""

from __future__ import annotations

import pytest

from tenfold.projection.memory import hit_ratio_at


def test_what_fits_into_the_cache_is_found_as_today() -> None:
    assert hit_ratio_at(0.9, cache_bytes=1000, bytes_today=10, bytes_then=1000) == 0.9


def test_past_the_cache_the_share_that_fits_counts() -> None:
    assert hit_ratio_at(0.9, cache_bytes=1000, bytes_today=10, bytes_then=4000) == pytest.approx(0.225)


def test_what_is_larger_than_the_cache_today_falls_from_todays_share() -> None:
    assert hit_ratio_at(0.9, cache_bytes=1000, bytes_today=5000, bytes_then=5000) == 0.9
    assert hit_ratio_at(0.9, cache_bytes=1000, bytes_today=5000, bytes_then=10_000) == pytest.approx(0.45)


def test_nothing_to_read_is_no_division() -> None:
    assert hit_ratio_at(0.9, cache_bytes=0, bytes_today=0, bytes_then=0) == 0.9
