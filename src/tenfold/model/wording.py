"""How every part says a number of things."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 finding`, `2 findings`; `plural` is for nouns that take more than an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
