"""The key that people of a similar name share: names that sound alike, however they are written or ordered.

The key is compared by `=`, which an index serves under row-level security, as similarity operators never are.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import jellyfish

_LETTERS = re.compile(r"[^\W\d_]+")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=50_000)
def name_key(given: str | None, family: str | None) -> str | None:
    """None where too little is known: a given name alone is shared by too many."""
    if not given or not family:
        return None
    sounds = sorted(filter(None, (_sound(word) for word in _words(f"{given} {family}"))))
    return " ".join(sounds) if len(sounds) > 1 else None


def similarity(one: str, other: str) -> float:
    """Of two full names with the same key, from 0 to 1: that of the words that are least alike."""
    pairs = zip(
        *(sorted(_words(name), key=lambda word: (_sound(word), word)) for name in (one, other)), strict=False
    )
    return min((jellyfish.jaro_winkler_similarity(first, second) for first, second in pairs), default=0.0)


def _words(name: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return _LETTERS.findall("".join(char for char in decomposed if not unicodedata.combining(char)))


def _sound(word: str) -> str:
    # Other scripts than Latin have no sounds here: such words are the same or are not.
    return _DOUBLED.sub(r"\1", jellyfish.metaphone(word)) if word.isascii() else word
