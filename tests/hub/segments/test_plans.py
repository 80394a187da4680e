"""What segments ask for is served by an index under row-level security, however much else there is."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import replace

import psycopg
import pytest

from tenfold_hub.crm.contacts import CONTACTS
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import listing
from tenfold_hub.kit.resource import Through
from tenfold_hub.segments import repository, routes
from tests.hub.conftest import Organization
from tests.hub.segments.conftest import explained, served

_SEED = """
INSERT INTO identity.people (organization_id, id)
SELECT %(o)s, gen_random_uuid() FROM generate_series(1, 5000);
INSERT INTO crm.contacts (organization_id, id, person_id, created_at)
SELECT organization_id, gen_random_uuid(), id, now() - random() * interval '1 year' FROM identity.people
 WHERE organization_id = %(o)s;
INSERT INTO crm.segments (organization_id, id, name, name_normal, kind, resource, computation)
SELECT %(o)s, s, s::text, s::text, 'static', 'contacts', gen_random_uuid()
  FROM unnest(%(segments)s::uuid[]) AS s;
INSERT INTO crm.segment_members (organization_id, segment_id, object_id)
SELECT %(o)s, s.id, c.id FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS s (id, place)
  JOIN (SELECT id, row_number() OVER () AS place FROM crm.contacts WHERE organization_id = %(o)s) AS c
    ON c.place <= CASE WHEN s.place = 1 THEN 20 ELSE 3000 END;
INSERT INTO crm.segment_dues (organization_id, segment_id, object_id, due_at)
SELECT organization_id, segment_id, object_id, now() + random() * interval '30 days' FROM crm.segment_members
 WHERE organization_id = %(o)s;
"""
_TABLES = ("identity.people", "crm.contacts", "crm.segments", "crm.segment_members", "crm.segment_dues")


@pytest.fixture
def segments(owner: str, acme: Organization, globex: Organization) -> list[uuid.UUID]:
    """A small one and two large ones of Acme; as many of Globex."""
    found = []
    with psycopg.connect(owner, autocommit=True) as connection:
        for organization in (acme, globex):
            ids = [uuid.uuid4() for _ in range(3)]
            found.append(ids)
            for statement in _SEED.split(";\n"):
                if statement.strip():
                    connection.execute(statement, {"o": organization.id, "segments": ids})
        for table in _TABLES:
            connection.execute(f"ANALYZE {table}")
    return found[0]


def test_what_segments_ask_for_is_served_by_an_index(
    owner: str, acme: Organization, segments: list[uuid.UUID]
) -> None:
    for segment in segments[:2]:
        # A list that is narrowed to a small one, and to a large one.
        asked = listing(CONTACTS, [("filter[segment]", shown("seg", segment))])
        through = Through(schema="crm", table="segment_members", column="segment_id", prefix="seg")
        query = replace(asked, sets={"segment": through}).query(acme.id)
        text = f"SELECT * FROM ({query.text}) AS q ORDER BY created_at DESC, id DESC LIMIT 51"
        assert served(explained(owner, acme, text, *query.parameters), "segment_members")

    page = f"{routes._MEMBERS} AND object_id > $3 ORDER BY object_id LIMIT 51"
    nodes = explained(owner, acme, page, acme.id, segments[1], uuid.UUID(int=2**127))
    assert served(nodes, "segment_members")
    assert not [node for node in nodes if node["Node Type"] == "Sort"]

    # Members of what was changed, and what is due.
    objects = [uuid.uuid4() for _ in range(200)]
    nodes = explained(owner, acme, repository._MEMBERSHIPS, acme.id, objects, segments)
    assert served(nodes, "segment_members")
    nodes = explained(owner, acme, repository._DUE, acme.id, datetime.datetime.now(datetime.UTC), 1000)
    assert served(nodes, "segment_dues")
