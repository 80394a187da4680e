"""The short way to a normal form leads to the same as the library's."""

from __future__ import annotations

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st

from tenfold_hub.identity.normal import phone_normal

_CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@given(st.sampled_from(_CODES), st.text("0123456789", min_size=2, max_size=13))
def test_a_number_in_the_form_of_e164_is_what_the_library_makes_of_it(code: int, digits: str) -> None:
    text = f"+{code}{digits}"
    number = phonenumbers.parse(text)
    possible = phonenumbers.is_possible_number(number)
    wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None
    assert phone_normal(text) == wanted
