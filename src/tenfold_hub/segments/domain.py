"""Segments, as a part of a hub."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence

from tenfold.runtime import SMALL, Database, Session
from tenfold_hub.crm import api as crm
from tenfold_hub.identity import api as identity
from tenfold_hub.identity.api import Reference, Table
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.resource import Resource, Through
from tenfold_hub.kit.routes import ResourceRoutes
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.objects import api as objects
from tenfold_hub.segments.activity import ACTIVITY, of_kind
from tenfold_hub.segments.asking import TAG
from tenfold_hub.segments.catalog import Catalog
from tenfold_hub.segments.checking import Checking
from tenfold_hub.segments.computing import Worker
from tenfold_hub.segments.keeping import Keeper
from tenfold_hub.segments.routes import Members, SegmentRoutes, sizes_part
from tenfold_hub.segments.saved_routes import results_route
from tenfold_hub.segments.saved_searches import SAVED_SEARCHES, SavedSearchRoutes, checked
from tenfold_hub.segments.segments import SEGMENTS

#: What segments are of.
RESOURCES = ("people", "contacts", "companies")


def join(platform: Platform) -> None:
    catalog = Catalog()
    keeper = Keeper(catalog, platform.records, platform.journal)
    waking = _waking(platform)
    worker = Worker(platform.db, keeper, platform.records, waking)
    platform.running.append(worker)
    platform.services["segments"] = keeper
    platform.services["segments.worker"] = worker

    segments = platform.add(SEGMENTS)
    checking = Checking(catalog, platform.records, objects.of(platform), worker.begin)
    segments.prepare.append(checking.prepare)
    segments.follow.append(checking.follow)
    platform.expander.adds("segments", "members", sizes_part, Members)
    platform.route(SegmentRoutes(segments, platform.records, keeper, worker, platform.cursors).handlers())

    references = identity.of(platform).references
    picks = references.know(
        Table(schema="crm", table="segment_picks", key=("segment_id", "object_id"), versioned=False)
    )
    for name in RESOURCES:
        records = platform.records[name]
        records.sets["segment"] = Through(
            schema="crm", table="segment_members", column="segment_id", prefix=SEGMENTS.prefix
        )
        records.follow.append(keeper.follow(name))
        # What stands for others takes their places in static segments.
        references.add(
            Reference(
                table=picks, column="object_id", to=name, unique=("segment_id",), where={"resource": name}
            )
        )
    _join_tags(platform, keeper, checking)
    _join_activities(platform, keeper, checking)
    _join_saved(platform)


def _join_tags(platform: Platform, keeper: Keeper, checking: Checking) -> None:
    tagging = crm.of(platform).tagging
    checking.tagged = tagging.kinds
    keeper.tags = tagging.of

    async def follow(
        session: Session, _: Principal, resource: Resource, objects: Sequence[uuid.UUID], __: uuid.UUID
    ) -> None:
        if resource.name in RESOURCES:
            await keeper.touched(session, resource.name, {id: {TAG} for id in objects})

    tagging.follow.append(follow)


def _join_activities(platform: Platform, keeper: Keeper, checking: Checking) -> None:
    occurrences = crm.of(platform).occurrences
    checking.kinds = dict.fromkeys(occurrences.resources, occurrences.kinds)
    keeper.occurrences = occurrences

    async def follow(session: Session, resource: str, things: Mapping[uuid.UUID, Collection[str]]) -> None:
        names = {id: {ACTIVITY, *map(of_kind, kinds)} for id, kinds in things.items()}
        await keeper.touched(session, resource, names)

    occurrences.follow.append(follow)


def _join_saved(platform: Platform) -> None:
    searches = platform.add(SAVED_SEARCHES, routes=False)
    searches.prepare.append(checked(platform.records))
    platform.route(SavedSearchRoutes(searches, platform.cursors, platform.expander).handlers())
    platform.route(
        [
            results_route(
                searches,
                platform.records,
                lambda records: ResourceRoutes(records, platform.cursors, platform.expander),
            )
        ]
    )


def _waking(platform: Platform) -> Database | None:
    """Where the hub was told nobody who maintains it, nobody keeps time."""
    if platform.settings is None or not platform.settings.maintenance:
        return None
    return Database(
        platform.settings.maintenance,
        tenant_type=uuid.UUID,
        setting=SETTING,
        pool=SMALL,
        application="tenfold hub segments",
        accept_unsafe_role=True,
    )
