from __future__ import annotations

import pytest

from tenfold.migrate.observer import Progress
from tenfold.migrate.site import build_progress


@pytest.mark.parametrize(
    ("row", "progress"),
    [
        (
            ("waiting for old snapshots", 1, 3, 500, 500, 90, 90),
            Progress("waiting for old snapshots", 1, 3, "transactions"),
        ),
        (
            ("building index: scanning table", 3, 3, 0, 0, 40, 90),
            Progress("building index: scanning table", 40, 90, "blocks"),
        ),
        (
            ("building index: loading tuples in tree", 3, 3, 200, 500, 90, 90),
            Progress("building index: loading tuples in tree", 200, 500, "tuples"),
        ),
        (("initializing", 0, 0, 0, 0, 0, 0), Progress("initializing", 0, None, "blocks")),
        ((None, None, None, None, None, None, None), None),
    ],
)
def test_progress_is_what_moves_in_the_phase(
    row: tuple[str | None, *tuple[int | None, ...]], progress: Progress | None
) -> None:
    assert build_progress(*row) == progress
