"""What commands that ask the twin share: as whom, at which sizes, and what to know of its answers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from tenfold.cli.options import progress
from tenfold.errors import EmptyDatabaseError, UsageError, did_you_mean

if TYPE_CHECKING:
    from tenfold.catalog.config_file import LoadedConfig
    from tenfold.explain.ask import Asking, Size
    from tenfold.model.growth import Growth
    from tenfold.model.scenario import Scenario
    from tenfold.model.snapshot import Snapshot
    from tenfold.model.tenancy import Tenancy
    from tenfold.twin.twin import Twin

_MOST = 1e9

role_option = click.option(
    "--role", help="Who asks. Default: the application's role, where the configuration tells."
)
tenant_option = click.option(
    "--tenant", metavar="ID", help="The tenant who asks. Default: the one with most rows, by the statistics."
)


class Factors(click.ParamType[tuple[float, ...]]):
    """`1,10,100`."""

    name = "factors"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        factors = []
        for word in str(value).split(","):
            try:
                factor = float(word)
            except ValueError:
                self.fail(f"{word.strip()!r} is no number; give factors such as 1,10,100", param, ctx)
            if not 0 < factor < _MOST:
                self.fail(f"{word.strip()} is no factor above 0 and below 1e9", param, ctx)
            factors.append(factor)
        return tuple(sorted(set(factors)))


class Read(msgspec.Struct, frozen=True):
    """A source, and who its tenants are."""

    snapshot: Snapshot
    tenancy: Tenancy
    loaded: LoadedConfig


def read(source: str, loaded: LoadedConfig, timeout: float) -> Read:
    """Raises EmptyDatabaseError, and what reading a source raises."""
    from tenfold.catalog.source import load_source
    from tenfold.tenancy.detect import find_tenancy

    with progress("reading the catalog") as advance:
        snapshot = load_source(source, progress=advance, timeout=timeout)
    if not snapshot.relations:
        raise EmptyDatabaseError
    config = loaded.config
    return Read(
        snapshot, find_tenancy(snapshot, config.tenancy, exclude_schemas=config.exclude_schemas), loaded
    )


def asking_as(found: Read, role: str | None, tenant: str | None, **more: object) -> Asking:
    """Whom the twin is asked as. Raises UsageError for a role that is not there."""
    from tenfold.explain.ask import Asking
    from tenfold.twin.parameters import largest_tenant

    asking = Asking(
        role=role_who_asks(found.snapshot, found.tenancy, role),
        tenant=tenant or largest_tenant(found.snapshot, found.tenancy),
        setting=found.tenancy.setting if found.tenancy.column is not None else "",
        tenant_named=tenant is not None,
    )
    return msgspec.structs.replace(asking, **more)


def role_who_asks(snapshot: Snapshot, tenancy: Tenancy, told: str | None) -> str | None:
    """The role that is told, or the application's where it exists. Raises UsageError."""
    roles = snapshot.role_by_name
    if told is not None and told not in roles:
        raise UsageError(f"there is no role {told} on the server{did_you_mean(told, roles)}")
    known = tenancy.application_role
    return told or (known if known in roles else None)


def size_by_factor(found: Read, factor: float) -> Size:
    """All of the product's data times one factor."""
    from tenfold.growth import uniform
    from tenfold.projection.course import factor_label

    return _grown(found, factor_label(factor), uniform(found.snapshot, found.tenancy, factor))


def size_by_scenario(found: Read, scenario: Scenario) -> Size:
    """The last point of a scenario, named by its months: dates move on with every run."""
    from tenfold.projection.scenario import resolve

    today = datetime.datetime.fromisoformat(found.snapshot.server.now).date()
    point = resolve(scenario, found.snapshot, found.tenancy, today)[-1]
    return _grown(found, f"month {point.months:.3g}", point.growth)


def notes_on(found: Read, twin: Twin, asking: Asking) -> Iterator[str]:
    """What the answers rest on, and lack."""
    from tenfold.projection.forecast_notes import named, never_analysed

    snapshot = found.snapshot
    if never := [relation.display for relation in never_analysed(snapshot)]:
        yield f"never analysed, so that plans on them are guesses: {named(never)}; run ANALYZE"
    if any(entry.what == "statistics" for entry in snapshot.hidden):
        yield f"some statistics are hidden from {snapshot.server.reader}; read as the owner for true plans"
    if snapshot.redacted:
        yield "the snapshot is redacted: values are made up in their order, and constants are not known"
    if asking.role is None and any(relation.rls_enabled for relation in snapshot.relations):
        yield "asked as a superuser, whom no policy binds; name the application's role with --role"
    if twin.not_carried:
        yield f"the twin lacks {named([entry.what for entry in twin.not_carried])}"


def _grown(found: Read, label: str, growth: Growth) -> Size:
    from tenfold.explain.ask import Size
    from tenfold.growth import grow

    return Size(label, grow(found.snapshot, found.tenancy, growth).snapshot)
