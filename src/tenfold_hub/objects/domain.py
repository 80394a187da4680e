"""Objects, as a part of a hub."""

from __future__ import annotations

from tenfold_hub.identity import api as identity
from tenfold_hub.identity.api import Reference, Table
from tenfold_hub.kit.platform import Platform
from tenfold_hub.kit.records import Records
from tenfold_hub.objects.api import LocalObjects
from tenfold_hub.objects.association_types import TYPES, TypeRules
from tenfold_hub.objects.associations import ASSOCIATIONS, AssociationRoutes, AssociationRules, Ends
from tenfold_hub.objects.catalog import Catalog
from tenfold_hub.objects.fields import FIELDS, FieldRules
from tenfold_hub.objects.filling import Filler
from tenfold_hub.objects.objects import OBJECTS, ObjectRules
from tenfold_hub.objects.records import PATH, RECORDS, RecordRoutes
from tenfold_hub.objects.routes import associated_routes, filling_routes
from tenfold_hub.objects.values import CustomValues


def join(platform: Platform) -> None:
    catalog = Catalog()
    filler = Filler(platform.db, catalog, platform.records)
    catalog.unfinished = filler.begin
    platform.running.append(filler)

    records = platform.add(RECORDS, routes=False)
    routes = RecordRoutes(records, platform.cursors, platform.expander, PATH)
    routes.catalog = catalog
    platform.route(routes.handlers())
    _join_fields(platform, catalog, filler)
    _join_associations(platform, catalog)
    platform.services["objects"] = LocalObjects(catalog, records)


def _join_fields(platform: Platform, catalog: Catalog, filler: Filler) -> None:
    def kinds() -> list[str]:
        return [name for name, each in platform.records.items() if each.resource.custom and name != "records"]

    fields = platform.add(FIELDS)
    rules = FieldRules(catalog, filler, kinds)
    fields.prepare.append(rules.prepare)
    fields.follow.append(rules.follow)
    platform.route(filling_routes(fields, filler))

    objects = platform.add(OBJECTS)
    names = ObjectRules(catalog, lambda: platform.records)
    objects.prepare.append(names.prepare)
    objects.follow.append(names.follow)

    def customise(records: Records) -> None:
        if records.resource.custom and records.resource is not RECORDS:
            values = CustomValues(catalog, records.resource.name)
            records.custom = values
            records.prepare.append(values.prepare)
            records.follow.append(values.follow)

    platform.at_records(customise)


def _join_associations(platform: Platform, catalog: Catalog) -> None:
    ends = Ends(catalog, platform.records)
    platform.add(TYPES).prepare.append(TypeRules(catalog, ends.known).prepare)
    associations = platform.add(ASSOCIATIONS, routes=False)
    associations.prepare.append(AssociationRules(ends).prepare)
    routes = AssociationRoutes(associations, platform.cursors, platform.expander)
    routes.know(ends)
    platform.route(routes.handlers())
    platform.route(associated_routes(routes, ends, platform.cursors))

    references = identity.of(platform).references
    table = Table(schema="objects", table="associations", records=associations)

    def refer(records: Records) -> None:
        """Where things are merged, what they are associated with follows."""
        kind = records.resource.name
        if records.resource.custom and records.resource is not RECORDS:
            for side, other in (("from", "to"), ("to", "from")):
                references.add(
                    Reference(
                        table=table,
                        column=f"{side}_id",
                        to=kind,
                        unique=("type", f"{other}_id"),
                        where={f"{side}_object": kind},
                    )
                )

    platform.at_records(refer)
