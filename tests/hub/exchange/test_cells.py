"""No cell of a file begins as a formula does, and each says what it was made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold_hub.exchange import cells

_STRANGE = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@given(st.text(st.sampled_from(f"'a {_STRANGE}"), max_size=6))
def test_what_is_shown_is_read_as_it_was_and_begins_as_no_formula(text: str) -> None:
    assert cells.read(cells.shown(text)) == text
    assert not cells.shown(text).startswith(tuple(_STRANGE))


def test_what_no_spreadsheet_calculates_stays_as_it_is() -> None:
    for text in ("", "a", "it's", "'quoted'", "1-2", " =1", "''"):
        assert cells.shown(text) == cells.read(text) == text
