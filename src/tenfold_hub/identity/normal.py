"""E-mail addresses and phone numbers in the one form that they are compared in."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

# A local part in the plain form of nearly all: the library leaves it as it is, and takes its time for that.
_PLAIN = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
_LONGEST_LOCAL, _LONGEST = 64, 254
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def email_normal(text: str | None) -> str | None:
    """Lower case, without what mail systems do not tell apart; None for what is no address.

    The local part is folded too: by the letter of RFC 5321 it may differ by case, and no mail system does.
    """
    if not text:
        return None
    local, _, domain = text.lower().partition("@")
    if len(local) <= _LONGEST_LOCAL and _PLAIN.fullmatch(local):
        known = _domain(domain)
        found = None if known is None else f"{local}@{known}"
        return found if found is None or len(found) <= _LONGEST else None
    return _address(text)


@lru_cache(maxsize=10_000)
def _domain(text: str) -> str | None:
    found = _address(f"a@{text}")
    return None if found is None else found.partition("@")[2]


def _address(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def phone_normal(text: str | None, region: str | None = None) -> str | None:
    """E.164; None for what is no possible number. Without a region the country has to be there: +49 ..."""
    if not text:
        return None
    return text if _E164.fullmatch(text) and _is_normal(text[1:]) else _phone(text, region)


def _is_normal(digits: str) -> bool:
    """What has the form already, and nothing that is dialled within its country, stays as it is: most do. The
    library takes its time to say so.
    """
    for length in (1, 2, 3):
        found = _country(digits[:length])
        if found is not None:
            code, dialled = found
            national = digits[length:]
            plain = national[0] != "0" and (dialled is None or not dialled.match(national))
            return plain and _is_possible(code, len(national))
    return False


@cache
def _country(digits: str) -> tuple[int, re.Pattern[str] | None] | None:
    """Its code, and what may stand before a number within it; None for what is no country's code."""
    code = int(digits)
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata is None:
        return None
    dialled = metadata.national_prefix_for_parsing
    return code, None if dialled is None else re.compile(dialled)


@cache
def _is_possible(code: int, length: int) -> bool:
    """It is said by the length alone."""
    number = phonenumbers.PhoneNumber(country_code=code, national_number=int("1" * length))
    return phonenumbers.is_possible_number(number)


@lru_cache(maxsize=10_000)
def _phone(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
