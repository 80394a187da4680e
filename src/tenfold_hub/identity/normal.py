"""E-mail addresses and phone numbers in the one form that they are compared in."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email


def email_normal(text: str | None) -> str | None:
    """Lower case, without what mail systems do not tell apart; None for what is no address.

    The local part is folded too: by the letter of RFC 5321 it may differ by case, and no mail system does.
    """
    if not text:
        return None
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


@lru_cache(maxsize=10_000)
def phone_normal(text: str | None, region: str | None = None) -> str | None:
    """E.164; None for what is no possible number. Without a region the country has to be there: +49 ..."""
    if not text:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
