"""An id of a tenant is a UUID or an integer, and nothing that could be anything else."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.errors import InvalidTenantError
from tenfold.runtime.tenant import tenant_id

ONE = uuid.UUID("0191e2c4-0000-7000-8000-000000000001")


@pytest.mark.parametrize("given", [ONE, str(ONE), str(ONE).upper(), ONE.hex, f"{{{ONE}}}", ONE.urn])
def test_a_uuid_in_any_form_is_the_same_id(given: object) -> None:
    assert tenant_id(given, uuid.UUID) == ONE


@pytest.mark.parametrize(
    "given, meant",
    [(7, 7), ("7", 7), ("-7", -7), ("007", 7), (2**63 - 1, 2**63 - 1), (str(-(2**63)), -(2**63))],
)
def test_an_integer_of_64_bits(given: object, meant: int) -> None:
    assert tenant_id(given, int) == meant


TEXTS = ["", " 7", "7 ", "--7", "-", "7e1", "7_000", "٧", "seven", "7'; --", str(2**63), "9" * 48, "9" * 5000]
OTHERS = [True, False, None, 7.0, b"7", 2**63, ONE, str(ONE), (7,), [7]]


@pytest.mark.parametrize("garbage", [*TEXTS, *OTHERS])
def test_what_is_no_integer_is_refused_and_not_repeated(garbage: Any) -> None:
    with pytest.raises(InvalidTenantError) as told:
        tenant_id(garbage, int)
    assert len(str(told.value)) < 100
    assert "--" not in str(told.value)


@pytest.mark.parametrize(
    "garbage", [7, "7", str(ONE)[:-1], f"{ONE}'", f"{ONE} ", "g" * 32, None, True, ONE.bytes]
)
def test_what_is_no_uuid_is_refused(garbage: Any) -> None:
    with pytest.raises(InvalidTenantError):
        tenant_id(garbage, uuid.UUID)


@given(st.text(max_size=60), st.sampled_from([int, uuid.UUID]))
def test_what_is_taken_needs_no_quoting(text: str, kind: Any) -> None:
    try:
        found = str(tenant_id(text, kind))
    except InvalidTenantError:
        return
    assert set(found) <= set("0123456789abcdef-")
