"""What segments ask for is served by an index under row-level security, however much else there is."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tenfold_hub.crm.contacts import CONTACTS
from tenfold_hub.kit.ids import shown
from tenfold_hub.kit.listing import Listing, listing
from tenfold_hub.kit.resource import Through
from tenfold_hub.roles import ROLES
from tenfold_hub.segments import repository, routes
from tests.hub.conftest import Organization

_SEED = """
INSERT INTO identity.people (organization_id, id)
SELECT %(o)s, gen_random_uuid() FROM generate_series(1, 20000);
INSERT INTO crm.contacts (organization_id, id, person_id, created_at)
SELECT organization_id, gen_random_uuid(), id, now() - random() * interval '1 year' FROM identity.people
 WHERE organization_id = %(o)s;
INSERT INTO crm.segments (organization_id, id, name, name_normal, kind, resource, computation)
SELECT %(o)s, s, s::text, s::text, 'static', 'contacts', gen_random_uuid()
  FROM unnest(%(segments)s::uuid[]) AS s;
INSERT INTO crm.segment_members (organization_id, segment_id, object_id)
SELECT %(o)s, s.id, c.id FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS s (id, place)
  JOIN (SELECT id, row_number() OVER () AS place FROM crm.contacts WHERE organization_id = %(o)s) AS c
    ON c.place <= CASE WHEN s.place = 1 THEN 20 ELSE 12000 END;
INSERT INTO crm.segment_dues (organization_id, segment_id, object_id, due_at)
SELECT organization_id, segment_id, object_id, now() + random() * interval '30 days' FROM crm.segment_members
 WHERE organization_id = %(o)s;
"""
_TABLES = ("identity.people", "crm.contacts", "crm.segments", "crm.segment_members", "crm.segment_dues")


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", ()) for node in _nodes(each))]


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


def _explained(owner: str, acme: Organization, text: str, *parameters: object) -> list[dict[str, Any]]:
    """The plan that the application's role gets."""
    for number in range(len(parameters), 0, -1):
        text = text.replace(f"${number}", f"%(p{number})s")
    named = {f"p{number}": value for number, value in enumerate(parameters, 1)}
    with psycopg.connect(owner) as connection:
        connection.execute(f"SET ROLE {ROLES.application}")
        connection.execute("SELECT set_config('app.organization_id', %s, false)", [str(acme.id)])
        cursor = psycopg.ClientCursor(connection)
        (row,) = cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", named).fetchall()
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return _nodes(plan[0]["Plan"])


def _served(nodes: list[dict[str, Any]], relation: str) -> bool:
    """It is read through an index whose condition says more than the organization."""
    found = [node for node in nodes if node.get("Relation Name") == relation]
    indexed = [node for node in nodes if "Index Cond" in node]
    assert found
    return not [each for each in nodes if each["Node Type"] == "Seq Scan"] and all(
        " AND " in each["Index Cond"]
        for each in indexed
        if each.get("Relation Name") == relation or relation in each.get("Index Name", "")
    )


@pytest.mark.parametrize("place", [0, 1])
def test_a_list_narrowed_to_a_segment(
    owner: str, acme: Organization, segments: list[uuid.UUID], place: int
) -> None:
    asked: Listing = listing(CONTACTS, [("filter[segment]", shown("seg", segments[place]))])
    through = Through(schema="crm", table="segment_members", column="segment_id", prefix="seg")
    query = replace(asked, sets={"segment": through}).query(acme.id)
    text = f"SELECT * FROM ({query.text}) AS q ORDER BY created_at DESC, id DESC LIMIT 51"
    nodes = _explained(owner, acme, text, *query.parameters)
    assert _served(nodes, "segment_members")


def test_members_and_what_is_kept_of_things(
    owner: str, acme: Organization, segments: list[uuid.UUID]
) -> None:
    page = f"{routes._MEMBERS} AND object_id > $3 ORDER BY object_id LIMIT 51"
    nodes = _explained(owner, acme, page, acme.id, segments[1], uuid.UUID(int=2**127))
    assert _served(nodes, "segment_members")
    assert not [node for node in nodes if node["Node Type"] == "Sort"]
    objects = [uuid.uuid4() for _ in range(200)]
    nodes = _explained(owner, acme, repository._MEMBERSHIPS, acme.id, objects, segments)
    assert _served(nodes, "segment_members")


def test_a_sweep_reads_what_is_due(owner: str, acme: Organization, segments: list[uuid.UUID]) -> None:
    text = repository._DUE.replace("$2", "now()").replace("$3", "1000")
    nodes = _explained(owner, acme, text, acme.id)
    assert _served(nodes, "segment_dues")
