"""How fast a cost grows."""

from __future__ import annotations

import pytest

from tenfold.projection.exponent import growth_exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_power_of_the_rows_is_found(power: float) -> None:
    rows = [10.0, 100.0, 1000.0]
    found = growth_exponent(rows, [3 * count**power for count in rows])
    assert found == pytest.approx(power)


def test_rows_that_stay_have_no_exponent() -> None:
    assert growth_exponent([50.0, 50.0, 50.0], [1.0, 2.0, 3.0]) is None
    assert growth_exponent([50.0], [1.0]) is None


def test_points_without_rows_do_not_count() -> None:
    assert growth_exponent([0.0, 10.0, 100.0], [9.0, 10.0, 100.0]) == pytest.approx(1.0)
