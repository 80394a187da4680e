"""A request that wrote more than once sends one token, which has all of it."""

from __future__ import annotations

import pytest

from tenfold.runtime.adapters.asgi import later
from tenfold.runtime.routing.lsn import Token


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (None, "1-9", "1-9"),
        ("1-9", "1-10", "1-10"),
        ("1-10", "1-9", "1-10"),
        ("1-9", "1-9", "1-9"),
    ],
)
def test_the_later_of_two_commits_counts(one: str | None, other: str, found: str) -> None:
    assert later(one, other) == found


@pytest.mark.parametrize(("one", "other"), [("primary", "1-9"), ("1-9", "primary"), ("2-9", "1-9")])
def test_what_cannot_be_compared_sends_reads_to_the_primary(one: str, other: str) -> None:
    assert Token.read(later(one, other)) is None
