"""One of a thing is not many."""

from __future__ import annotations

import pytest

from tenfold.model.wording import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 indexes"), (1, "1 index"), (2, "2 indexes"), (1234, "1,234 indexes")]
)
def test_nouns_with_a_plural_of_their_own(count: int, said: str) -> None:
    assert counted(count, "index", "indexes") == said


def test_other_nouns_take_an_s() -> None:
    assert (counted(1, "change"), counted(2, "change")) == ("1 change", "2 changes")
