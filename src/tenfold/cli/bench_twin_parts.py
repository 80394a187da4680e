"""The parts of `tenfold bench twin`: each loads its databases on servers of its own, compares and tells."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence

import msgspec

from tenfold.bench.hypothetical import DEBIAN_15, has_hypopg, hypothetical_pages, rebuilt_pages
from tenfold.bench.likeness import Pages, lengths, likeness
from tenfold.bench.star import load_star, star_queries
from tenfold.bench.twin import Both, Case, grown, lengths_of
from tenfold.bench.twin_speed import (
    BILLION,
    THOUSAND,
    build_time,
    explain_rate,
    generated,
    scaled,
)
from tenfold.bench.workload import tenants_by_rows
from tenfold.catalog.reader import read_snapshot
from tenfold.cli.bench_example import PlannedExample
from tenfold.cli.bench_twin_page import Page
from tenfold.errors import EmbeddedServerError, SourceError
from tenfold.growth import as_built
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import Connection, connect
from tenfold.pg.copy import analyze
from tenfold.pg.embedded import EmbeddedServer
from tenfold.projection.calibrate import calibrate
from tenfold.tenancy.detect import find_tenancy
from tenfold.twin.twin import Twin

#: So few that the smallest has a row of most tables at 2,000 leads: the skew is that of the large database.
_TENANTS = 10
_SKEWED_LEADS, _SKEWED_TENANTS, _SKEW = 4_000, 20, 1.5
_STAR_SMALL, _STAR, _STAR_FULL = 0.01, 0.1, 1.0
_SERVER: Mapping[str, str | int | bool] = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "autovacuum": False,
}
#: The example has B-trees only.
_OTHER_METHODS = """
CREATE INDEX bench_gin_fields ON leads USING gin (custom_fields);
CREATE INDEX bench_gin_attributes ON personas USING gin (attributes jsonb_path_ops);
CREATE INDEX bench_gin_words ON messages USING gin (to_tsvector('english', body));
CREATE INDEX bench_brin_created ON messages USING brin (created_at);
CREATE INDEX bench_hash_lead ON messages USING hash (lead_id)
"""
#: Seconds that tables of these numbers may take.
_GOALS = {59: 0.5, 10_000: 30.0}
_CALIBRATION_SECONDS = 10.0
_MANY_TABLES = 10_000


class Loaded(msgspec.Struct, frozen=True):
    """A small and a large database of one kind, the large one open."""

    small: Snapshot
    large: Snapshot
    connection: Connection
    tenancy: Tenancy


class Parts:
    def __init__(self, page: Page, *, leads: int, full: bool) -> None:
        self._page = page
        self._leads = leads
        self._full = full

    def outreach(self, factor: int) -> None:
        """The example, as superuser and under row-level security, without and with the plan's indexes."""
        self._page.chapter(
            f"The example: {self._leads:,} leads predicted at {self._leads * factor:,}",
            f"{_TENANTS} tenants. The twin knows the small database and how many rows each table will have.",
            "Asked as superuser and as the application's role, without and with the indexes of the plan,",
            "with values of the largest and the middle tenant, the largest's drawn by the twin itself, none.",
        )
        with (
            _server() as server,
            self._example(PlannedExample(server, tenants=_TENANTS), self._leads, factor) as (example, loaded),
        ):
            tenants = tenants_by_rows(loaded.connection, "public.leads", "team_id")
            cases = list(_cases(example, tenants))
            with self._twin(example, loaded) as both:
                self._plans(both, cases, loaded)
                self._page.pages(lengths(lengths_of(both.predicted, loaded.large)))
                self._times(
                    both, [case for case in cases if case.tenant is not None and not case.own], loaded
                )

    def tenants(self, factor: int) -> None:
        """The example with many tenants, few of which have most of the rows."""
        self._page.chapter(
            f"Skewed tenants: {_SKEWED_LEADS:,} leads predicted at {_SKEWED_LEADS * factor:,}",
            f"{_SKEWED_TENANTS} tenants; the k-th largest has 1/k^{_SKEW:g} of the largest one's rows.",
        )
        with _server() as server:
            planned = PlannedExample(server, tenants=_SKEWED_TENANTS, skew=_SKEW)
            with self._example(planned, _SKEWED_LEADS, factor) as (example, loaded):
                tenants = tenants_by_rows(loaded.connection, "public.leads", "team_id")
                places = {"largest": 0, "middle": len(tenants) // 2, "smallest": -1}
                cases = [
                    Case(name=f"{who}, {name}", role=role, tenant=tenants[place])
                    for who, role in _subjects(example)
                    for name, place in places.items()
                ]
                with self._twin(example, loaded) as both:
                    self._plans(both, cases, loaded)
                    self._page.pages(lengths(lengths_of(both.predicted, loaded.large)))

    def star(self) -> None:
        """TPC-H's tables and queries, with primary keys alone and with an index for each foreign key."""
        scale = _STAR_FULL if self._full else _STAR
        self._page.chapter(f"A star: TPC-H at scale {_STAR_SMALL:g} predicted at {scale:g}")
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(_server())
            try:
                small, large = (
                    stack.enter_context(_star(server, name, size))
                    for name, size in (("small", _STAR_SMALL), ("large", scale))
                )
            except SourceError as error:
                self._page.say(f"Left out: {error}")
                return
            loaded = Loaded(
                read_snapshot(small), read_snapshot(large), large, find_tenancy(read_snapshot(small))
            )
            keys = tuple(
                ("public", index.name) for index in loaded.small.indexes if index.name.startswith("fk_")
            )
            predicted = grown(loaded.small, loaded.large, loaded.tenancy)
            with Twin(loaded.small) as twin:
                both = Both(twin.scale(predicted), large, loaded.large, loaded.tenancy, star_queries())
                cases = [
                    Case(name="primary keys", hidden=keys),
                    Case(name="with indexes on foreign keys"),
                ]
                self._plans(both, cases, loaded)
                self._page.pages(lengths(lengths_of(both.predicted, loaded.large)))
                self._times(both, cases[1:], loaded)

    def sizes(self, factor: int) -> None:
        """Indexes built anew on PostgreSQL 15, beside what hypopg says and what Tenfold says of them."""
        self._page.chapter(
            f"Indexes built on {self._leads * factor:,} leads, PostgreSQL 15: hypopg and Tenfold"
        )
        try:
            with (
                EmbeddedServer.temporary(binaries=DEBIAN_15, settings=_SERVER) as server,
                self._example(PlannedExample(server, more_indexes=_OTHER_METHODS), self._leads, factor) as (
                    _,
                    loaded,
                ),
            ):
                if not has_hypopg(loaded.connection):
                    self._page.say("Left out: hypopg is not there; install Debian's postgresql-15-hypopg.")
                    return
                real = rebuilt_pages(loaded.connection, loaded.large)
                theirs = hypothetical_pages(loaded.connection, loaded.large, real)
                predicted = grown(loaded.small, loaded.large, loaded.tenancy)
                self._page.pages(lengths(theirs), "hypopg, at the large database")
                self._page.pages(lengths(_built(loaded.large, real)), "Tenfold, at the large database")
                self._page.pages(lengths(_built(predicted, real)), "Tenfold, from the small one")
        except EmbeddedServerError as error:
            self._page.say(f"Left out: {error}")

    def speed(self) -> None:
        """Building, asking and scaling."""
        self._page.chapter("Speed")
        with _server() as server:
            example = PlannedExample(server)
            with contextlib.closing(connect(example.load(self._leads))) as connection:
                snapshot = read_snapshot(connection)
        tenancy = find_tenancy(snapshot, example.loaded.config.tenancy)
        self._page.built(build_time(snapshot), _GOALS[59])
        if self._full:
            self._page.built(build_time(generated(_MANY_TABLES), rounds=1), _GOALS[_MANY_TABLES])
        with Twin(snapshot) as twin:
            self._page.rate(explain_rate(twin.scale(), snapshot, tenancy, example.loaded.workload))
        self._page.scaled([scaled(snapshot, tenancy, rows) for rows in (THOUSAND, BILLION)])

    # --- what parts share ---

    @contextlib.contextmanager
    def _example(
        self, example: PlannedExample, leads: int, factor: int
    ) -> Generator[tuple[PlannedExample, Loaded]]:
        with (
            contextlib.closing(connect(example.load(leads), writable=True)) as small,
            contextlib.closing(
                connect(example.load(leads * factor), writable=True, statement_timeout=0)
            ) as large,
        ):
            before, after = read_snapshot(small), read_snapshot(large)
            yield example, Loaded(before, after, large, find_tenancy(before, example.loaded.config.tenancy))

    @contextlib.contextmanager
    def _twin(self, example: PlannedExample, loaded: Loaded) -> Generator[Both]:
        predicted = grown(loaded.small, loaded.large, loaded.tenancy)
        with Twin(loaded.small) as twin:
            yield Both(
                twin.scale(predicted),
                loaded.connection,
                loaded.large,
                loaded.tenancy,
                example.loaded.workload,
            )

    def _plans(self, both: Both, cases: Sequence[Case], loaded: Loaded) -> None:
        asked = {case: both.ask(case) for case in cases}
        analyze(loaded.connection)
        again = [pair for case, pairs in asked.items() if not case.own for pair in both.again(case, pairs)]
        results = [likeness(case.name, pairs) for case, pairs in asked.items()]
        self._page.plans(results, likeness("itself, analyzed again", again))
        self._page.misses(results)

    def _times(self, both: Both, cases: Sequence[Case], loaded: Loaded) -> None:
        calibration = calibrate(loaded.connection, seconds=_CALIBRATION_SECONDS)
        self._page.times([timed for case in cases for timed in both.time(case, calibration)])


def _server() -> EmbeddedServer:
    return EmbeddedServer.temporary(settings=_SERVER)


@contextlib.contextmanager
def _star(server: EmbeddedServer, name: str, scale: float) -> Generator[Connection]:
    dsn = server.create_database(name)
    with contextlib.closing(connect(dsn, writable=True, statement_timeout=0)) as connection:
        load_star(connection, scale)
        yield connection


def _subjects(example: PlannedExample) -> tuple[tuple[str, str | None], ...]:
    return (("superuser", None), ("RLS", example.role))


def _cases(example: PlannedExample, tenants: Sequence[str]) -> Iterator[Case]:
    middle = tenants[len(tenants) // 2]
    for who, role in _subjects(example):
        for indexes, hidden in (("without", example.indexes), ("with", ())):
            name = f"{who}, {indexes} indexes"
            yield Case(name=f"{name}, largest", role=role, hidden=hidden, tenant=tenants[0])
            yield Case(name=f"{name}, middle", role=role, hidden=hidden, tenant=middle)
            yield Case(name=f"{name}, own values", role=role, hidden=hidden, tenant=tenants[0], own=True)
            yield Case(name=f"{name}, generic", role=role, hidden=hidden)


def _built(snapshot: Snapshot, real: Sequence[Pages]) -> Iterator[Pages]:
    """What the arithmetic says of each index built on the rows of the snapshot."""
    indexes = {index.name: index for index in snapshot.indexes}
    for entry in real:
        index = as_built(snapshot, indexes[entry.name])
        yield msgspec.structs.replace(entry, predicted=index.pages)
