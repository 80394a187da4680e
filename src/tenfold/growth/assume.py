"""Statistics for columns that have none, from types, keys, checks, labels, defaults and names.

Each is an assumption, said in one clause, so that a forecast can name what it rests on.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from tenfold.growth.distinct import estimated, stored_distinct
from tenfold.growth.domain import Sizes, heaps, only_grows
from tenfold.growth.stretch import scale_of, spread
from tenfold.growth.width import layout
from tenfold.model.growth import Assumption, Growth
from tenfold.model.relations import Column, ColumnStatistics, Relation

#: Share of rows with the default, where there are other values.
_DEFAULT_SHARE = 0.5
#: Shares of nulls: of times that mark an end that few rows have reached, and of any other column.
_NULL_ENDS, _NULLS = 0.95, 0.2
_ENDS = re.compile(r"^(deleted|archived|cancell?ed|revoked|removed|banned|locked)_(at|on)$")
_UNIQUE_NAMES = re.compile(
    r"(^|_)(e?mail|email_address|token|uuid|guid|slug|hash|digest|external_id|message_id)$"
)
_COUNT_NAMES = re.compile(r"(^|_)(count|counts|attempts|retries|quantity|position|priority|score)$")
_LONG_NAMES = re.compile(r"(^|_)(body|description|content|notes?|message|html|payload)$")
_COUNTED = 100
_DAYS, _RETAINED_DAYS = 365, 30
#: Bytes of text, by what the name says.
_LONG_TEXT, _ADDRESS = 200, 24
#: Distinct values are rows to this power where nothing tells: halfway in Heaps' law.
_EXPONENT = 0.5
_BOUNDS = 101
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


class _Guess(msgspec.Struct, frozen=True):
    text: str
    distinct: float
    values: tuple[str, ...] | None = None
    frequencies: tuple[float, ...] | None = None
    histogram: tuple[str, ...] | None = None
    correlation: float = 0.0
    width: int | None = None


def assume(
    sizes: Sizes, growth: Growth, changed: frozenset[int]
) -> tuple[tuple[ColumnStatistics, ...], tuple[Assumption, ...]]:
    """Statistics at the grown size, of columns of relations that change their rows and have none."""
    rows: list[ColumnStatistics] = []
    said: list[Assumption] = []
    for relation in sizes.snapshot.relations:
        after = sizes.after.get(relation.oid, 0.0)
        if relation.oid not in changed or after <= 0 or _rests_on_leaves(sizes, relation):
            continue
        missing = [
            column
            for column in sizes.snapshot.columns_of(relation.oid)
            if column.generated != "v" and sizes.snapshot.statistics_of(relation.oid, column.number) is None
        ]
        if missing and relation.kind != "v":
            said.append(Assumption(relation.oid, _about(sizes, relation)))
        for column in missing:
            row, text = _column(sizes, growth, relation, column, after)
            rows.append(row)
            said.append(Assumption(relation.oid, f"{column.name}: {text}", column.number))
    return tuple(rows), tuple(said)


def _rests_on_leaves(sizes: Sizes, relation: Relation) -> bool:
    """A partitioned table without statistics of its own is planned by its leaves' today, and so it stays."""
    return relation.kind == "p" and any(
        sizes.snapshot.statistics_of(leaf, column.number) is not None
        for leaf in sizes.snapshot.leaves_of(relation.oid)
        for column in sizes.snapshot.columns_of(leaf)
    )


def _about(sizes: Sizes, relation: Relation) -> str:
    if not sizes.snapshot.sees("statistics", relation.oid):
        return "its statistics are hidden from the role that read it"
    if sizes.before[relation.oid] == 0:
        return "no rows today, so its statistics are taken from types, keys, checks and names"
    return "never analysed, or columns without statistics: they are taken from types, keys, checks and names"


def _column(
    sizes: Sizes, growth: Growth, relation: Relation, column: Column, rows: float
) -> tuple[ColumnStatistics, str]:
    null_frac = _null_share(column)
    guess = _guess(sizes, growth, relation, column, rows * (1 - null_frac))
    frequencies = guess.frequencies and tuple(share * (1 - null_frac) for share in guess.frequencies)
    width = guess.width or max(1, round(layout(column, None).width))
    text = guess.text + (f", {null_frac:.0%} null" if null_frac else "")
    return ColumnStatistics(
        relation=relation.oid,
        number=column.number,
        inherited=relation.kind == "p",
        null_frac=null_frac,
        avg_width=width,
        n_distinct=stored_distinct(max(1.0, guess.distinct), rows),
        common_values=guess.values,
        common_frequencies=frequencies,
        histogram=guess.histogram,
        correlation=guess.correlation if scale_of(column) or guess.histogram else None,
    ), text


def _null_share(column: Column) -> float:
    if column.not_null or column.default is not None or column.identity or column.generated:
        return 0.0
    return _NULL_ENDS if _ENDS.match(column.name) else _NULLS


def _guess(sizes: Sizes, growth: Growth, relation: Relation, column: Column, rows: float) -> _Guess:
    place = (relation.oid, column.number)
    if place in sizes.unique:
        return _unique(column, rows, "its own for each row, from the key")
    population = sizes.population(*place)
    if population is not None and population[1] > 0:
        return _referring(column, rows, population[1])
    listed = _listed(sizes, relation, column)
    if listed is not None:
        return listed
    if scale_of(column) is not None and (column.type == "date" or column.type.startswith("timestamp")):
        return _time(sizes, column, rows, retained=relation.oid in growth.retained)
    if column.default and "nextval(" in column.default:
        return _unique(column, rows, "its own for each row, from the sequence")
    return _by_name(column, rows)


def _unique(column: Column, rows: float, text: str) -> _Guess:
    if column.type in ("smallint", "integer", "bigint", "numeric"):
        return _Guess(text, rows, histogram=spread(column, "1", str(int(rows)), rows), correlation=1.0)
    if column.type == "uuid":
        return _Guess(text, rows, histogram=_uuids(rows))
    width = _ADDRESS if column.length <= 0 and column.type_category == "S" else None
    return _Guess(text, rows, width=width)


def _referring(column: Column, rows: float, population: float) -> _Guess:
    distinct = min(rows, max(1.0, estimated(population, rows)))
    integers = column.type in ("smallint", "integer", "bigint", "numeric")
    return _Guess(
        f"{distinct:,.0f} values alike in number, of {population:,.0f} that it can refer to",
        distinct,
        histogram=spread(column, "1", str(int(population)), population) if integers else None,
    )


def _listed(sizes: Sizes, relation: Relation, column: Column) -> _Guess | None:
    """Values that the type or a check names."""
    values, source = _labels(sizes, relation, column)
    if not values:
        return None
    default = _LITERAL.match(column.default or "")
    common = (
        default[1].replace("''", "'") if default else {"true": "t", "false": "f"}.get(column.default or "")
    )
    if common not in values or len(values) == 1:
        shares = (1.0 / len(values),) * len(values)
        text = f"{len(values)} values alike in number, from the {source}"
        return _Guess(text, len(values), values, shares)
    rest = tuple(value for value in values if value != common)
    shares = (_DEFAULT_SHARE, *((1 - _DEFAULT_SHARE) / len(rest) for _ in rest))
    text = f"{len(values)} values from the {source}, the default in {_DEFAULT_SHARE:.0%} of the rows"
    return _Guess(text, len(values), (common, *rest), shares)


def _labels(sizes: Sizes, relation: Relation, column: Column) -> tuple[tuple[str, ...], str]:
    if column.type == "boolean":
        return ("f", "t"), "type"
    found = sizes.snapshot.type_by_oid.get(column.type_oid)
    if found is not None and found.labels:
        return found.labels, "enumeration"
    checks = [
        constraint.definition
        for constraint in sizes.snapshot.constraints_of(relation.oid)
        if constraint.kind == "c" and constraint.columns == (column.number,)
    ]
    for definition in (*checks, *((found.checks or ()) if found is not None else ())):
        values = _values_of_check(definition)
        if values:
            return values, "check"
    return (), ""


def _values_of_check(definition: str) -> tuple[str, ...]:
    """Of `= ANY (ARRAY['a'::text, ...])`, as the server writes an IN list; of another check none."""
    _, found, array = definition.partition("= ANY (")
    if not found or "<>" in definition or " OR " in definition or " AND " in definition:
        return ()
    numbers = re.fullmatch(r"ARRAY\[([\d, -]+)\]\)*", array)
    if numbers:
        return tuple(part.strip() for part in numbers[1].split(","))
    return tuple(dict.fromkeys(text.replace("''", "'") for text in _LITERAL.findall(array)))


def _time(sizes: Sizes, column: Column, rows: float, *, retained: bool) -> _Guess:
    days = _RETAINED_DAYS if retained else _DAYS
    end = datetime.fromisoformat(sizes.snapshot.server.now).replace(tzinfo=None)
    suffix = "+00" if column.type.endswith("with time zone") else ""
    low, high = (
        (moment.date().isoformat() if column.type == "date" else moment.isoformat(sep=" ") + suffix)
        for moment in (end - timedelta(days=days), end)
    )
    distinct = min(rows, float(days)) if column.type == "date" else rows
    in_order = only_grows(column, None)
    return _Guess(
        f"spread over the last {days} days" + (", in order of arrival" if in_order else ""),
        distinct,
        histogram=spread(column, low, high, distinct, bounds=_BOUNDS),
        correlation=1.0 if in_order else 0.0,
    )


def _by_name(column: Column, rows: float) -> _Guess:
    if _UNIQUE_NAMES.search(column.name) or column.type == "uuid":
        return _unique(column, rows, "nearly its own for each row, from the name or type")
    if _COUNT_NAMES.search(column.name) and scale_of(column) is not None:
        distinct = min(rows, float(_COUNTED))
        return _Guess(
            f"{distinct:,.0f} values from 0, from the name",
            distinct,
            histogram=spread(column, "0", str(_COUNTED - 1), distinct),
        )
    if column.type in ("json", "jsonb") or _LONG_NAMES.search(column.name):
        long = _LONG_TEXT if column.length <= 0 else None
        return _Guess("its own for each row, a long value from the name or type", rows, width=long)
    distinct = max(1.0, heaps(rows**_EXPONENT, rows, rows))
    return _Guess(f"{distinct:,.0f} values alike in number, the square root of the rows", distinct)


def _uuids(rows: float) -> tuple[str, ...] | None:
    """Bounds spread evenly over all of them, as random ones lie."""
    from uuid import UUID

    count = int(min(_BOUNDS, rows))
    if count < 2:
        return None
    return tuple(str(UUID(int=position * (2**128 - 1) // (count - 1))) for position in range(count))
