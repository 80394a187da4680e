"""What a GIN index takes a value apart into, estimated from statistics and from the values they name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator

import msgspec

from tenfold.growth.distinct import distinct_count
from tenfold.model.relations import Column, ColumnStatistics

#: Bytes of an element where nothing tells them.
_ELEMENT_WIDTH = 8.0
#: Elements that a value of so many bytes has, where its values were taken out.
_BYTES_AN_ELEMENT = 12.0

Sample = list[list[tuple[Hashable, Hashable, float]]]


class Elements(msgspec.Struct, frozen=True):
    """Elements that are alike in how often they occur."""

    distinct: float
    #: How many of them a row has.
    per_row: float
    #: Bytes of one.
    width: float


def elements_of(
    column: Column | None,
    operator_class: str,
    statistics: ColumnStatistics | None,
    rows: float,
    readable: bool,
) -> list[Elements]:
    if statistics is None or rows <= 0:
        return [Elements(max(1.0, rows**0.5), 3.0, _ELEMENT_WIDTH)]
    if statistics.common_element_frequencies:
        return _listed(column, statistics, rows, readable)
    values = (*(statistics.histogram or ()), *(statistics.common_values or ())) if readable else ()
    if "trgm" in operator_class:
        return _sampled([[("", part, 4.0) for part in trigrams(value)] for value in values], statistics, rows)
    if operator_class.startswith("jsonb"):
        return _sampled(_json_sample(values, hashed="path" in operator_class), statistics, rows)
    if column is not None and column.type_category != "A" and column.type != "tsvector":
        # btree_gin: the value itself is the element.
        return [
            Elements(
                max(1.0, distinct_count(statistics, rows)), 1.0 - statistics.null_frac, statistics.avg_width
            )
        ]
    return _sampled([], statistics, rows)


def trigrams(text: str) -> set[str]:
    """As pg_trgm's show_trgm: words in lower case, two blanks before and one behind."""
    words = re.findall(r"\w+", text.lower())
    return {
        padded[at : at + 3] for word in words for padded in [f"  {word} "] for at in range(len(padded) - 2)
    }


def _listed(
    column: Column | None, statistics: ColumnStatistics, rows: float, readable: bool
) -> list[Elements]:
    """The most common elements one by one, and the rest, each rarer than the rarest of those."""
    named = len(statistics.common_elements or ())
    shares = (statistics.common_element_frequencies or ())[:named]
    present = (1.0 - statistics.null_frac) * rows
    width = _width(column, statistics.common_elements or (), readable)
    found = [Elements(1.0, share, width) for share in shares]
    rest = _elements_a_row(statistics, width) - sum(shares)
    rarest = min(shares, default=1.0)
    if rest > 0.05 * sum(shares) and present > 0:
        # What ANALYZE drops is met less often than its cut-off; half as often is taken.
        each = max(rarest / 2, 1.0 / present)
        found.append(Elements(max(1.0, rest / each), rest, width))
    return found


def _elements_a_row(statistics: ColumnStatistics, width: float) -> float:
    if statistics.element_count_histogram:
        return statistics.element_count_histogram[-1]
    # tsvector: each lexeme has 4 bytes of entry and about 4 of positions (src/include/tsearch/ts_type.h).
    return max(1.0, (statistics.avg_width - 8) / (8 + width))


def _width(column: Column | None, values: Iterable[str], readable: bool) -> float:
    if column is not None and column.type in ("integer[]", "smallint[]", "date[]", "real[]"):
        return 4.0
    if column is not None and column.type in ("bigint[]", "double precision[]"):
        return 8.0
    if column is not None and column.type == "uuid[]":
        return 16.0
    lengths = [len(value.encode()) + 1 for value in values] if readable else []
    return sum(lengths) / len(lengths) if lengths else _ELEMENT_WIDTH


def _sampled(sample: Sample, statistics: ColumnStatistics, rows: float) -> list[Elements]:
    """By the values that the statistics name, each place in them (a path of a document) by itself.

    Distinct elements follow the estimator that ANALYZE uses for distinct values: Haas and Stokes, IBM
    Research Report RJ 10025, 1998 (compute_scalar_stats in src/backend/commands/analyze.c).
    """
    present = 1.0 - statistics.null_frac
    if not sample:
        per_row = max(1.0, statistics.avg_width / _BYTES_AN_ELEMENT)
        return [Elements(max(1.0, (per_row * rows) ** 0.6), per_row * present, _ELEMENT_WIDTH)]
    places: defaultdict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    widths: dict[Hashable, float] = {}
    for row in sample:
        for place, element, width in row:
            places[place][element] += 1
            widths[element] = width
    found = []
    for counts in places.values():
        rare = [element for element, count in counts.items() if count == 1]
        found += [
            Elements(1.0, present * count / len(sample), widths[element])
            for element, count in counts.items()
            if count > 1
        ]
        if rare:
            mean = sum(widths[element] for element in rare) / len(rare)
            met = sum(counts.values())
            total = met * rows / len(sample)
            distinct = met * len(counts) / (met - len(rare) + len(rare) * met / total)
            found.append(
                Elements(
                    max(1.0, distinct - len(counts) + len(rare)), present * len(rare) / len(sample), mean
                )
            )
    return found


def _json_sample(values: Iterable[str], *, hashed: bool) -> Sample:
    sample: Sample = []
    for value in values:
        try:
            document = msgspec.json.decode(value)
        except msgspec.DecodeError:
            continue  # the rest are sample enough
        # jsonb_path_ops has a hash of 4 bytes for each path with its value, jsonb_ops their text.
        items = {
            (path, element): 4.0 if hashed else 2.0 + len(str(element).encode())
            for path, element, is_key in _parts(document, ())
            if not (hashed and is_key)
        }
        sample.append([(path, element, width) for (path, element), width in items.items()])
    return sample


def _parts(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Hashable, bool]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield ("key",), str(key), True
            yield from _parts(value, (*path, str(key)))
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value, path)
    else:
        yield path, str(node), False
