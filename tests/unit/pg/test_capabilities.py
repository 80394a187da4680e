from __future__ import annotations

import pytest

from tenfold.errors import CapabilityError, UnsupportedServerError
from tenfold.pg.capabilities import CAPABILITIES, NEWEST, OLDEST, Capabilities


@pytest.mark.parametrize("number", [130_000, 130_021, 150_013, 180_006, 190_000])
def test_a_server_from_the_oldest_on_is_taken(number: int) -> None:
    assert Capabilities(number).major == number // 10_000


@pytest.mark.parametrize(
    ("number", "spoken"), [(120_022, "12.22"), (100_000, "10.0"), (90_624, "9.6"), (80_400, "8.4")]
)
def test_an_older_server_is_refused_in_one_line(number: int, spoken: str) -> None:
    with pytest.raises(UnsupportedServerError) as caught:
        Capabilities(number)
    assert str(caught.value) == (
        f"the server runs PostgreSQL {spoken}; "
        f"Tenfold works with {OLDEST} to {NEWEST}: upgrade the server first"
    )


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_capability_begins_with_its_version(name: str) -> None:
    since = CAPABILITIES[name].since
    assert OLDEST < since <= NEWEST  # else it tells no supported servers apart
    assert Capabilities(since * 10_000).has(name)
    assert not Capabilities((since - 1) * 10_000).has(name)


def test_what_is_required_and_there_passes() -> None:
    Capabilities(160_000).require("last_scan")


def test_what_is_required_and_lacks_says_so() -> None:
    with pytest.raises(
        CapabilityError, match="security_invoker views need PostgreSQL 15 or later; the server runs 14"
    ):
        Capabilities(140_010).require("security_invoker")


def test_an_unknown_capability_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        Capabilities(180_000).has("telepathy")
