"""Names as they are compared: without regard to case and to how much space is in them."""

from __future__ import annotations


def name_normal(name: str) -> str:
    return " ".join(name.casefold().split())
