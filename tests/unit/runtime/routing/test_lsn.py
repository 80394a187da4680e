"""Positions and tokens: what is written is read, what is not a token is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.runtime.routing.lsn import Token, lsn_of, to_be_replayed

SIXTY_FOUR = st.integers(0, 2**64 - 1)


@given(SIXTY_FOUR, SIXTY_FOUR)
def test_a_token_is_read_as_it_was_written(system: int, lsn: int) -> None:
    assert Token.read(str(Token(system, lsn))) == (system, lsn)


@given(st.text(max_size=50))
def test_no_text_is_an_error(text: str) -> None:
    Token.read(text)


@pytest.mark.parametrize(
    "text", [None, "", "-", "1-", "1-1-1", "1-1\n", "１-1", "-1-1", "1" * 17 + "-1", "g-1", "A-1", " 1-1"]
)
def test_what_is_no_token_is_none(text: str | None) -> None:
    assert Token.read(text) is None


def test_a_position_as_the_server_writes_it() -> None:
    assert lsn_of("16/B374D848") == 0x16_B374D848
    assert lsn_of("0/0") == 0
    with pytest.raises(ValueError):
        lsn_of("16")


@pytest.mark.parametrize(
    "insert, replayed",
    [
        (0x3000000, 0x3000000),
        (0x3000028, 0x3000000),  # behind the header of a file
        (0x3002018, 0x3002000),  # behind the header of a page
        (0x3002020, 0x3002020),
        (0x3001FFF, 0x3001FFF),
    ],
)
def test_behind_a_header_nothing_more_is_to_be_replayed(insert: int, replayed: int) -> None:
    assert to_be_replayed(insert) == replayed
