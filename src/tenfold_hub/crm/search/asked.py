"""What somebody typed, and how well a thing fits it: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from tenfold_hub.crm.search.words import distance, mistakes, number_marks, pair, term, words_of

LONGEST = 200
#: Words of a search that count, and words of the organization that each may have meant.
MOST_TYPED, MOST_MEANT = 5, 12
#: Terms that are looked up, and things that each of them may add: what a search costs at most.
MOST_TERMS, MOST_OF_TERM = 150, 150
_NUMBER = re.compile(r"[\d\s()/.+-]{5,}\Z")
_DIGITS = re.compile(r"\D+")
_WHOLE = re.compile(r"(?:[^\s@]+@)?[\w-]+(?:\.[\w-]+)+\Z")
#: How good it is to have found a word as it was typed, one that begins so, and one with mistakes.
_EXACT, _BEGINS, _MISTAKEN = 1.0, 0.9, (1.0, 0.75, 0.6)


@dataclass(frozen=True, slots=True)
class Typed:
    """Words in their normal form; the e-mail addresses and domains, and the number, that were typed."""

    words: tuple[str, ...]
    wholes: tuple[str, ...] = ()
    number: str = ""


@dataclass(slots=True)
class Meant:
    """By the place of what was typed: words of the organization, and how well each fits."""

    words: list[dict[str, float]] = field(default_factory=list)


def typed(text: str) -> Typed:
    if _NUMBER.match(text):
        digits = _DIGITS.sub("", text)
        # A leading zero is dialled within a country, and is no part of the number that is kept.
        digits = digits.removeprefix("00").lstrip("0")
        if len(digits) >= 5:
            return Typed((), number=digits)
    words: list[str] = []
    wholes = []
    for part in text.split():
        part = part.strip(".,;<>()")
        if _WHOLE.match(part):
            wholes.append(part.lower())
            local, _, host = part.rpartition("@")
            words += words_of(local) + words_of(host.rpartition(".")[0])
        else:
            words += words_of(part)
    return Typed(tuple(dict.fromkeys(words))[:MOST_TYPED], tuple(wholes))


def meant(asked: Typed, found: Iterable[tuple[int, str]]) -> Meant:
    """Of the words that share a key with what was typed at a place, or begin with it, those that fit best."""
    result = Meant([{} for _ in asked.words])
    for place, word in found:
        fits = fit(asked.words[place], word)
        if fits:
            result.words[place][word] = fits
    for place, each in enumerate(result.words):
        best = sorted(each.items(), key=lambda item: (-item[1], len(item[0]), item[0]))
        result.words[place] = dict(best[:MOST_MEANT])
    return result


def fit(one: str, word: str) -> float:
    """From 0, not at all, to 1."""
    if one == word:
        return _EXACT
    if word.startswith(one):
        return _BEGINS - 0.2 * (1 - len(one) / len(word))
    allowed = mistakes(one)
    if not allowed or abs(len(one) - len(word)) > allowed:
        return 0.0
    found = distance(one, word)
    return _MISTAKEN[found] if found <= allowed else 0.0


def terms(asked: Typed, words: Meant, kinds: Sequence[str]) -> Mapping[int, tuple[float, int]]:
    """What to look up: the weight of each term, and how many things it may add. The heaviest first."""
    weights: dict[str, float] = {}
    for mark in number_marks(asked.number):
        weights[mark] = 1.0
    # An added or a missing digit at the end shifts what is before it.
    for shifted in (asked.number[:-1], f"{asked.number}0") if len(asked.number) >= 9 else ():
        for mark in list(number_marks(shifted))[1:]:
            weights.setdefault(mark, 0.7)
    for whole in asked.wholes:
        weights[f"={whole}"] = 10.0
    for one, other in combinations(words.words, 2):
        for (first, a), (second, b) in product(one.items(), other.items()):
            if first != second:
                weights[pair(first, second)] = 2 * (a + b)
    for each in words.words:
        for word, fits in each.items():
            weights.setdefault(word, fits)
    best = sorted(weights.items(), key=lambda item: -item[1])[: MOST_TERMS // len(kinds)]
    return {term(kind, what): (weight, MOST_OF_TERM) for what, weight in best for kind in kinds}


def score(asked: Typed, words: Sequence[str], marks: Sequence[str]) -> float:
    """How well a thing fits all that was typed, from 0 to 1."""
    if asked.number:
        return max((_number_fit(asked.number, mark) for mark in marks if mark.isdecimal()), default=0.0)
    if any(whole in marks for whole in asked.wholes):
        return 1.0
    if not asked.words:
        return 0.0
    fits = [max((fit(one, word) for word in words), default=0.0) for one in asked.words]
    # What was typed as a part of an address is in its words, and a whole one is better than its parts.
    return sum(fits) / len(fits) * (0.99 if asked.wholes else 1.0)


def _number_fit(number: str, mark: str) -> float:
    if mark.endswith(number) or number.endswith(mark):
        return _EXACT if len(number) >= 7 else _BEGINS
    if len(number) < 7:
        return 0.0
    # Somebody may leave out the country: then the ends are compared.
    for length in (len(number), len(number) - 1, len(number) + 1):
        if distance(number, mark[-length:]) <= 1:
            return _MISTAKEN[1]
    return 0.0
