"""What objects offer to other domains: what an organization defined, and its records. Nothing else is theirs.

    objects = objects_api.of(platform)
    field = (await objects.fields(session, "people")).by_key["city"]

Custom fields join every resource with `custom=True` by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors, Page
from tenfold_hub.kit.conditions import Condition
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Outcome, Records
from tenfold_hub.kit.selecting import Listing
from tenfold_hub.objects.catalog import Catalog, Fields
from tenfold_hub.objects.definitions import Field, Option, Rules, Type
from tenfold_hub.objects.records import of_object

__all__ = ["Field", "Fields", "LocalObjects", "Objects", "Option", "Rules", "Type", "of"]


def of(platform: Platform) -> Objects:
    """What objects offer in this hub."""
    found: Objects = platform.services["objects"]
    return found


class Objects(Protocol):
    """Custom fields and objects, as a service."""

    async def fields(self, session: Session, kind: str) -> Fields:
        """Of a kind of thing: `people`, or the name of an object. Where there are none, without fields."""

    async def records(self, session: Session, object: str) -> Records:
        """The records of an object, for what reads and writes things of any kind. Raises `not_found`."""

    async def create_record(
        self, session: Session, principal: Principal, object: str, values: dict[str, Any]
    ) -> Outcome:
        """Raises Problem: `not_found` where there is no such object, `invalid` for values that cannot be."""

    async def query_records(
        self,
        session: Session,
        object: str,
        conditions: Sequence[Condition],
        cursors: Cursors,
        *,
        sort: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Conditions are on `custom.<key>` of filterable fields, and on what every record has."""


class LocalObjects:
    """In the same process."""

    def __init__(self, catalog: Catalog, records: Records) -> None:
        self._catalog, self._records = catalog, records

    async def fields(self, session: Session, kind: str) -> Fields:
        return await self._catalog.of(session, kind)

    async def records(self, session: Session, object: str) -> Records:
        return await of_object(session, self._catalog, self._records, object)

    async def create_record(
        self, session: Session, principal: Principal, object: str, values: dict[str, Any]
    ) -> Outcome:
        records = await self.records(session, object)
        (outcome,) = await records.create(session, principal, [{"custom": values}])
        return outcome

    async def query_records(
        self,
        session: Session,
        object: str,
        conditions: Sequence[Condition],
        cursors: Cursors,
        *,
        sort: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        records = await self.records(session, object)
        asked = Listing(
            resource=records.resource,
            conditions=tuple(conditions),
            sort=sort,
            fields=records.resource.fields,
            limit=limit,
            cursor=cursor,
        )
        return await records.page(session, asked, cursors)
