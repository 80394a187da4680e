"""What a thing is found by, and what a search could have meant: pure functions of text.

A word is found with typing mistakes by the keys that it shares with what was typed: both without one letter,
or two where they are long (Garbe's symmetric delete, 2012). Every key, word and term is compared by `=`, or
as a range of text: these are leakproof, so that an index serves them under row-level security, as it never
does LIKE or the similarity of trigrams.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import jellyfish

#: Words that one thing is found by, and of these the ones that are found together, as pairs.
MOST_WORDS, MOST_PAIRED = 12, 5
#: Letters of a long word that its keys are made of: mistakes behind them are compared afterwards.
_KEYED = 7
_ONE_MISTAKE, _TWO_MISTAKES = 3, 8
_LONGEST = 40

_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_SILENT = str.maketrans("", "", "'’`´")
_NO_DIGIT = re.compile(r"\D+")
#: Digits that a number is looked up by: its last ones, or those before them, which nobody leaves out.
_TAIL, _MIDDLE = 5, 4


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing as search knows it. `marks` are what is found whole: addresses and numbers."""

    kind: str
    title: str
    detail: str | None
    words: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def terms(self) -> frozenset[int]:
        return frozenset(_terms(self.kind, self.words, self.marks))


def subject(
    kind: str,
    title: str,
    *,
    detail: str | None = None,
    more: Iterable[str | None] = (),
    emails: Iterable[str | None] = (),
    phones: Iterable[str | None] = (),
    domains: Iterable[str | None] = (),
) -> Subject:
    """E-mails and phones in their normal form. The words of `title` come first: they are found as pairs."""
    words = [*words_of(title)]
    for text in more:
        words += words_of(text or "")
    addresses = [each for each in emails if each]
    hosts = [each for each in domains if each]
    for address in addresses:
        local, _, host = address.rpartition("@")
        words += _LETTERS.findall(normal(local)) + _host_words(host)
    for host in hosts:
        words += _host_words(host)
    numbers = [digits for each in phones if each and (digits := _NO_DIGIT.sub("", each))]
    marks = [*addresses, *hosts, *numbers]
    return Subject(
        kind,
        title,
        detail,
        tuple(word for word in dict.fromkeys(words) if len(word) <= _LONGEST)[:MOST_WORDS],
        tuple(dict.fromkeys(marks)),
    )


def normal(text: str) -> str:
    """Without case and accents."""
    return text.lower().translate(_SILENT) if text.isascii() else _normal(text)


@lru_cache(maxsize=10_000)
def _normal(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).translate(_SILENT)


def words_of(text: str) -> list[str]:
    return _WORD.findall(normal(text))


def mistakes(word: str) -> int:
    """How many letters of it may be wrong, missing, added or exchanged; none in a number."""
    if len(word) < _ONE_MISTAKE or word.isdecimal():
        return 0
    return 1 if len(word) < _TWO_MISTAKES else 2


@lru_cache(maxsize=50_000)
def keys_of(word: str) -> frozenset[str]:
    """The word without each letter, and, if it is long, without each two of the first ones."""
    allowed = mistakes(word)
    found = last = {word[:_KEYED] if allowed > 1 else word}
    for _ in range(allowed):
        last = {each[:place] + each[place + 1 :] for each in last for place in range(len(each))}
        found = found | last
    return frozenset(found)


def distance(typed: str, word: str) -> int:
    """Letters that are wrong, missing, added, or exchanged with their neighbour."""
    return int(jellyfish.damerau_levenshtein_distance(typed, word))


def term(kind: str, what: str) -> int:
    """What postings are looked up by: 64 bits, which two texts share once in a lifetime, and harmlessly."""
    digest = hashlib.blake2b(f"{kind}\0{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


#: Names are shared by many; addresses and numbers are not, and would take their places.
_usual = lru_cache(maxsize=50_000)(term)


def pair(one: str, other: str) -> str:
    return f"{one} {other}" if one < other else f"{other} {one}"


def number_marks(digits: str) -> Iterator[str]:
    """The end of a number and what is before it: of one with a mistake, one of them is right."""
    if len(digits) >= _TAIL:
        yield f"#{digits[-_TAIL:]}"
    if len(digits) >= _TAIL + _MIDDLE:
        yield f"##{digits[-_TAIL - _MIDDLE : -_TAIL]}"


def _terms(kind: str, words: Sequence[str], marks: Sequence[str]) -> Iterator[int]:
    for word in words:
        yield _usual(kind, word)
    for one, other in combinations(words[:MOST_PAIRED], 2):
        yield _usual(kind, pair(one, other))
    for mark in marks:
        if mark.isdecimal():
            for each in number_marks(mark):
                yield term(kind, each)
        else:
            yield term(kind, f"={mark}")


def _host_words(host: str) -> list[str]:
    """Without its last part, which says little: com, org, de."""
    return _LETTERS.findall(normal(host.rpartition(".")[0]))
