"""Measures the twin itself: how long it takes to build and to scale, how fast it answers, what disk it uses.

One connection each; the raw rate is that of the driver, which decodes no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

import msgspec

from tenfold.bench.audit import generate
from tenfold.catalog.reader import read_snapshot
from tenfold.growth import grow, uniform
from tenfold.model.activity import Statement
from tenfold.model.growth import Growth
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import connect
from tenfold.pg.embedded import EmbeddedServer
from tenfold.twin.parameters import largest_tenant, sample_parameters
from tenfold.twin.scale import Scale
from tenfold.twin.twin import Twin

ROUNDS = 3
#: How long each of the two ways asks in a round; they take turns, since machines are not quiet.
_SECONDS = 0.2
_RATE_ROUNDS = 15
BILLION, THOUSAND = 1e9, 1e3


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from a snapshot to a twin that answers."""

    tables: int
    total: float


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Plans a second: by the public call, and by the driver alone, whose answer is not even decoded."""

    public: float
    raw: float
    #: One through the other: the median of the rounds.
    share: float


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """A twin taken to a size: seconds of arithmetic, seconds of loading, and bytes of its relations."""

    rows: float
    growing: float
    loading: float
    #: As the server sees the lengths of all files of the database.
    apparent: int
    #: What the server's folder takes of the disk in addition.
    stored: int


def build_time(snapshot: Snapshot, rounds: int = ROUNDS) -> Built:
    """The median of the rounds."""
    totals = []
    for _ in range(rounds):
        start = time.perf_counter()
        with Twin(snapshot) as twin:
            twin.scale()
            totals.append(time.perf_counter() - start)
    tables = sum(relation.kind in ("r", "p") for relation in snapshot.relations)
    return Built(tables=tables, total=median(totals))


def generated(tables: int) -> Snapshot:
    """The snapshot of a database of so many tables, as `bench audit` makes it."""
    settings = {"max_locks_per_transaction": "1024"}
    with EmbeddedServer.temporary(settings=settings) as server:
        dsn = server.create_database("generated")
        generate(dsn, tables)
        with closing(connect(dsn)) as connection:
            return read_snapshot(connection)


def explain_rate(
    scale: Scale,
    snapshot: Snapshot,
    tenancy: Tenancy,
    statements: Sequence[Statement],
    seconds: float = _SECONDS,
) -> Rate:
    """The statements in turn with values of the largest tenant, for so many seconds in each of the rounds, by
    the public call and by a session beside it on the same database.
    """
    tenant = largest_tenant(snapshot, tenancy)
    values = {s.text: sample_parameters(snapshot, tenancy, s.text, tenant) for s in statements}
    questions = [(text, drawn) for text, drawn in values.items() if drawn is not None]
    raw_questions = [(b"EXPLAIN (FORMAT JSON) " + text.encode(), drawn) for text, drawn in questions]
    session = scale.admin
    session.script("SET search_path = public")
    public, raw = [], []
    try:
        for _ in range(_RATE_ROUNDS):
            public.append(_rate(lambda at: scale.explain(*questions[at]), len(questions), seconds))
            raw.append(_rate(lambda at: session.ask(*raw_questions[at]), len(questions), seconds))
    finally:
        session.script("SET search_path = pg_catalog")
    shares = [ours / theirs for ours, theirs in zip(public, raw, strict=True)]
    return Rate(public=median(public), raw=median(raw), share=median(shares))


def scaled(snapshot: Snapshot, tenancy: Tenancy, rows: float) -> Scaled:
    """A twin of its own, loaded with the snapshot whose largest table was grown to so many rows."""
    with Twin(snapshot) as twin:
        scale = twin.scale()
        before = _stored(scale)
        start = time.perf_counter()
        grown = grow(snapshot, tenancy, _to(snapshot, tenancy, rows)).snapshot
        middle = time.perf_counter()
        scale.load(grown)
        end = time.perf_counter()
        apparent = scale.admin.ask(b"SELECT pg_database_size(current_database())")
        return Scaled(
            rows=max(relation.rows for relation in grown.relations),
            growing=middle - start,
            loading=end - middle,
            apparent=int(apparent),
            stored=_stored(scale) - before,
        )


def _to(snapshot: Snapshot, tenancy: Tenancy, rows: float) -> Growth:
    """All tables alike, so that the largest has so many rows."""
    return uniform(snapshot, tenancy, rows / max(relation.rows for relation in snapshot.relations))


def _rate(ask: Callable[[int], object], questions: int, seconds: float) -> float:
    start, asked = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        ask(asked % questions)
        asked += 1
    return asked / passed


def _stored(scale: Scale) -> int:
    """Bytes of the disk that the server's folder takes: its data and, beside them, the twin's own files."""
    folder = Path(scale.admin.ask(b"SHOW data_directory")).parent
    return sum(entry.lstat().st_blocks * 512 for entry in folder.rglob("*"))
