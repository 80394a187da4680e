"""What a forecast has to say of what it rests on: what was not known, and what was taken instead. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tenfold.model.calibration import Calibration
from tenfold.model.forecast import QueryForecast
from tenfold.model.relations import Relation
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.model.wording import counted
from tenfold.projection.course import Course, FactorCourse

#: Names in one note.
_NAMED = 8


def notes_on(
    snapshot: Snapshot,
    tenancy: Tenancy,
    course: Course,
    queries: Sequence[QueryForecast],
    role: str | None,
    calibration: Calibration | None,
    refused: Sequence[str],
) -> Iterator[str]:
    """Sentences. `refused` are columns whose statistics the twin did not take whole."""
    yield from _times(queries, calibration)
    yield from _role(snapshot, tenancy, role, queries)
    yield from _sources(snapshot, course)
    generic = [query.name for query in queries if query.generic]
    if generic:
        yield f"planned without values, as none could be drawn from statistics: {named(generic)}"
    if refused:
        yield f"statistics that the twin's server did not take whole: {named(refused)}"


def named(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def never_analysed(snapshot: Snapshot) -> tuple[Relation, ...]:
    """Tables that may have rows and have never been counted."""
    return tuple(
        relation
        for relation in snapshot.relations
        if relation.kind in ("r", "m")
        and relation.extension is None
        and (relation.rows < 0 or (relation.rows == 0 and relation.pages == 0))
        and (relation.size_bytes or 0) > 0
    )


def _times(queries: Sequence[QueryForecast], calibration: Calibration | None) -> Iterator[str]:
    if calibration is not None:
        yield from calibration.notes
        return
    by_mean = sum(query.basis == "mean time" for query in queries)
    without = sum(query.basis is None and query.reason is None for query in queries)
    if by_mean:
        yield (
            f"times of {counted(by_mean, 'query', 'queries')} are today's mean times, growing as the cost "
            "grows: an estimate; measured times come with --calibrate, or --calibration (tenfold calibrate)"
        )
    if without:
        yield (
            f"no times are known of {counted(without, 'query', 'queries')}, so no budget can be passed: only "
            "how their costs grow is shown; --calibrate measures the server, as tenfold calibrate does"
        )


def _role(
    snapshot: Snapshot, tenancy: Tenancy, role: str | None, queries: Sequence[QueryForecast]
) -> Iterator[str]:
    if role is not None and queries and all("permission denied" in (query.reason or "") for query in queries):
        yield f"{role} has no rights here yet: grant them, or say who is to ask with --role"
    wanted = tenancy.application_role
    if wanted is not None and wanted not in snapshot.role_by_name:
        yield f"asked as a superuser, whom no policy binds: the application's role {wanted} is not there"
    elif role is None and any(relation.rls_enabled for relation in snapshot.relations):
        yield "asked as a superuser, whom no policy binds: name the application's role with --role"


def _sources(snapshot: Snapshot, course: Course) -> Iterator[str]:
    if never := [relation.display for relation in never_analysed(snapshot)]:
        yield (
            f"never analysed: {named(never)}; rows are taken from their length, values from types, keys and "
            "names, alike in number; run ANALYZE for true ones"
        )
    hidden = [each for each in snapshot.hidden if each.what == "statistics"]
    if hidden:
        tables = [
            snapshot.relation_by_oid[each.relation].display
            for each in hidden
            if each.relation is not None and each.relation in snapshot.relation_by_oid
        ]
        yield (
            f"statistics hidden from {snapshot.server.reader}: {named(tables) or 'of the whole database'} "
            f"({hidden[0].why}); values are taken from types, keys and names instead"
        )
    if snapshot.redacted:
        yield "the snapshot is redacted: values are made up in their order, and constants are not known"
    if isinstance(course, FactorCourse):
        yield from _empty(snapshot)


def _empty(snapshot: Snapshot) -> Iterator[str]:
    tables = [r for r in snapshot.relations if r.is_table and not r.is_partition and r.extension is None]
    empty = [r.display for r in tables if snapshot.rows_of(r.oid) == 0 and not r.size_bytes]
    if empty and len(empty) * 3 > len(tables):
        yield (
            f"{len(empty):,} of {counted(len(tables), 'table')} are empty, and no factor fills them: write "
            "down how they will grow with tenfold scenario init, and give --scenario"
        )
