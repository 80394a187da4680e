"""Passwords are proved in the usual way, with little memory: a proof takes a thousandth of the time."""

from __future__ import annotations

import pytest

from tenfold_hub.identity import passwords


@pytest.fixture(autouse=True)
def quick_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_KIBIBYTES", 64)
