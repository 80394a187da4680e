"""The statements that a calibration measures: counts of the user's own rows, chosen so that the planner's
estimates of their work are right. Pure; no statement returns or contains a value of a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tenfold.model.ddl import identifier

#: How every trial runs: alone, and as it would without compiling.
ALONE: Mapping[str, str] = {"max_parallel_workers_per_gather": "0", "jit": "off"}

_WAYS = (
    "enable_seqscan",
    "enable_indexscan",
    "enable_indexonlyscan",
    "enable_bitmapscan",
    "enable_sort",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_material",
)
# How many rows a join looks up one by one, series have, a sample's pages.
_LOOKUPS = 2_000
_SERIES = (1_000, 10_000, 100_000)
_SAMPLE_PAGES = 1_000
_STRETCHES = 16
#: What a statement takes whatever it does would pass for the work of a smaller table.
_TELLING_PAGES = 32
#: Grouping by a column of more values than this says little: each row makes a group.
_GROUPS = 1_000


class Column(msgspec.Struct, frozen=True):
    name: str
    #: Place in the row: reading a late column takes the row apart up to there.
    number: int
    is_text: bool
    #: As in pg_stats; 0 where unknown.
    distinct: float
    #: How far the rows lie in its order, 0 to 1; 1 where unknown.
    order: float


class Index(msgspec.Struct, frozen=True):
    """A B-tree by its first column; unique where that alone identifies a row."""

    column: str
    unique: bool


class Reference(msgspec.Struct, frozen=True):
    """A foreign key of one column."""

    column: str
    table: int
    key: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    oid: int
    schema: str
    name: str
    pages: int
    rows: float
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def sql(self) -> str:
        # ONLY: rows of heirs are theirs.
        return f"ONLY {identifier(self.schema)}.{identifier(self.name)}"


class Trial(msgspec.Struct, frozen=True):
    """A statement, and the ways of working that it may not take."""

    #: What it does; no name of a table.
    kind: str
    #: One for each round, over again: where there are more, each does the same work on other pages.
    statements: tuple[str, ...]
    settings: Mapping[str, str]


def choose(tables: Sequence[Table], most_pages: int, count: int = 8) -> tuple[Table, ...]:
    """Tables of many sizes: the largest that may be read whole, then down in steps of a third and more."""
    chosen: list[Table] = []
    for table in sorted((table for table in tables if table.pages <= most_pages), key=lambda t: -t.pages):
        near = sum(1 for other in chosen if table.pages > other.pages * 0.7)
        if near < 2 and len(chosen) < count and table.pages >= _TELLING_PAGES and table.columns:
            chosen.append(table)
    return tuple(chosen)


def trials(tables: Sequence[Table], large: Sequence[Table], *, tid_ranges: bool) -> Iterator[Trial]:
    """Every trial, the most telling first: time may end anywhere. `large` are too large to be read whole."""
    by_oid = {table.oid: table for table in tables}
    kinds = [list(_of_table(table, by_oid)) for table in tables]
    kinds += [list(_of_large(table, tid_ranges)) for table in large]
    if not tables:
        kinds.append(list(_of_series()))
    for step in range(max(map(len, kinds), default=0)):
        for each in kinds:
            if step < len(each):
                yield each[step]


def _of_table(table: Table, others: Mapping[int, Table]) -> Iterator[Trial]:
    late = identifier(table.columns[-1].name)
    words = [column for column in table.columns if column.is_text]
    yield _trial(
        "scan and compare",
        f"SELECT count(*) FILTER (WHERE {_same(late)}) FROM {table.sql}",
        "enable_seqscan",
    )
    # Some rows of every page: pages and rows otherwise come in one proportion, and cannot be told apart.
    yield _trial(
        "some rows of each page",
        f"SELECT count(*) FILTER (WHERE {_same(late)}) FROM {table.sql}"
        " TABLESAMPLE BERNOULLI (10) REPEATABLE (1)",
    )
    key = next((index.column for index in table.indexes if index.unique), None)
    if key is not None:
        yield from _by_key(table, identifier(key), late)
    yield from _grouped(table, late)
    if words:
        yield from _by_words(table, [identifier(column.name) for column in words])
    for column in sorted({index.column for index in table.indexes if index.column != key})[:2]:
        yield from _by_index(table, identifier(column), late)
    mixed = identifier(min(table.columns, key=lambda column: column.order).name)
    yield _trial(
        "sort",
        f"SELECT count(*) FROM (SELECT {mixed} FROM {table.sql} ORDER BY {mixed} OFFSET 0) s",
        "enable_seqscan",
        "enable_sort",
    )
    for reference in table.references[:2]:
        if reference.table in others:
            yield _joined(table, reference, others[reference.table], late)


def _by_key(table: Table, key: str, late: str) -> Iterator[Trial]:
    yield _trial(
        "one row by its key",
        f"SELECT count({late}) FROM {table.sql} WHERE {key} = (SELECT {key} FROM {table.sql} LIMIT 1)",
        "enable_indexscan",
        "enable_seqscan",
    )
    # Without OFFSET the planner would see that a row meets itself.
    some = f"(SELECT {key} AS k FROM {table.sql} LIMIT {_LOOKUPS} OFFSET 0)"
    yield _trial(
        "rows by their keys",
        f"SELECT count(t.{late}) FROM {some} s JOIN {table.sql} t ON t.{key} = s.k",
        "enable_seqscan",
        "enable_nestloop",
        "enable_indexscan",
    )
    # Servers before 18 take a scan of the index alone for a kind of the other.
    only = ("enable_indexonlyscan", "enable_indexscan")
    yield _trial("index alone", f"SELECT count({key}) FROM {table.sql}", *only)


def _grouped(table: Table, late: str) -> Iterator[Trial]:
    group = _grouping(table)
    yield _trial(
        "group",
        f"SELECT count(*) FROM (SELECT {group}, count({late}) FROM {table.sql} GROUP BY 1 OFFSET 0) s",
        "enable_seqscan",
        "enable_hashagg",
    )
    yield _trial(
        "distinct in groups",
        f"SELECT count(*) FROM (SELECT {group}, count(DISTINCT {late}) FROM {table.sql}"
        " GROUP BY 1 OFFSET 0) s",
        "enable_seqscan",
        "enable_sort",
    )


def _by_words(table: Table, words: Sequence[str]) -> Iterator[Trial]:
    # Constants of our own: hardly a row has them, and the planner expects none that has.
    first, last = words[0], words[-1]
    yield _trial(
        "find a word",
        f"SELECT count(*) FROM {table.sql} WHERE {first} = 'tenfold' OR {last} = 'tenfold'",
        "enable_seqscan",
    )
    yield _trial(
        "search in words",
        f"SELECT count(*) FROM {table.sql} WHERE lower({last}) LIKE '%tenfold%'",
        "enable_seqscan",
    )


def _by_index(table: Table, column: str, late: str) -> Iterator[Trial]:
    yield _trial(
        "rows in an index's order",
        f"SELECT count({late}) FROM (SELECT {late} FROM {table.sql} ORDER BY {column} OFFSET 0) s",
        "enable_indexscan",
    )
    yield _trial(
        "bitmap",
        f"SELECT count({late}) FROM {table.sql} WHERE {column} IS NOT NULL",
        "enable_bitmapscan",
    )


def _joined(table: Table, reference: Reference, other: Table, late: str) -> Trial:
    return _trial(
        "hash join",
        f"SELECT count(c.{late}) FROM {table.sql} c JOIN {other.sql} p"
        f" ON p.{identifier(reference.key)} = c.{identifier(reference.column)}",
        "enable_seqscan",
        "enable_hashjoin",
    )


def _of_large(table: Table, tid_ranges: bool) -> Iterator[Trial]:
    late = identifier(table.columns[-1].name)
    counted = f"SELECT count(*) FILTER (WHERE {_same(late)}) FROM {table.sql}"
    share = 100 * _SAMPLE_PAGES / table.pages
    if tid_ranges:
        starts = [(table.pages - _SAMPLE_PAGES) * step // _STRETCHES for step in range(_STRETCHES)]
        ranges = [f"ctid >= '({start},0)' AND ctid < '({start + _SAMPLE_PAGES},0)'" for start in starts]
        yield Trial("pages in order", tuple(f"{counted} WHERE {each}" for each in ranges), ALONE)
    yield _trial("pages at random", f"{counted} TABLESAMPLE SYSTEM ({share:.6f})")
    yield _trial("pages at random again", f"{counted} TABLESAMPLE SYSTEM ({share:.6f}) REPEATABLE (1)")


def _of_series() -> Iterator[Trial]:
    """Series of many lengths, so that what a statement takes anyway stands out, and with more to compute."""
    yield _trial("nothing", "SELECT 1")
    for length in _SERIES:
        series = f"generate_series(1, {length}) n"
        yield _trial("rows of a series", f"SELECT count(*) FROM {series}")
        yield _trial(
            "compare", f"SELECT count(*) FILTER (WHERE n <= n AND n >= n AND n - 1 < n) FROM {series}"
        )
        yield _trial(
            "compute",
            f"SELECT count(*) FILTER (WHERE n + 1 - 2 + 3 - 4 + 5 - 6 + 7 - 8 + 9 - 10 <> 0) FROM {series}",
        )
        yield _trial(
            "sort a series",
            f"SELECT count(*) FROM (SELECT n FROM {series} ORDER BY n % 1009 OFFSET 0) s",
            "enable_sort",
        )


def _same(column: str) -> str:
    """True of every row that has a value, and the planner does not see it."""
    return f"{column} <= {column}"


def _grouping(table: Table) -> str:
    """The column whose groups are fewest, of those known."""
    few = [column for column in table.columns if 0 < column.distinct <= _GROUPS]
    few.sort(key=lambda column: (not column.is_text, column.distinct))
    return identifier((few or table.columns)[0].name)


def _trial(kind: str, statement: str, *ways: str) -> Trial:
    """`ways` are the only ones that it may go, where it names any."""
    off = {way: "off" for way in _WAYS if way not in ways} if ways else {}
    return Trial(kind, (statement,), {**ALONE, **off})
