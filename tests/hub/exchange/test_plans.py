"""A first import finds what it needs by the right index, before the server has looked at any table."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tenfold.runtime import Database, Session
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import assemble
from tenfold_hub.identity import known
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization


class _Asked(Exception):
    """Instead of an answer."""


async def test_each_key_is_looked_up_by_its_own_index(
    db: Database, acme: Organization, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = assemble(db, Cursors(settings.key), settings).records
    people, contacts, companies = (records[name].rows for name in ("people", "contacts", "companies"))
    id = uuid.uuid4()
    seen: list[tuple[str, tuple[object, ...]]] = []

    async def note(_: Session, statement: str, *parameters: object) -> list[Any]:
        seen.append((statement, parameters))
        raise _Asked

    async with db.tenant(acme.id) as session:
        with monkeypatch.context() as patched:
            patched.setattr(Session, "fetch", note)
            for asked in (
                people.get(session, [id]),
                people.lock(session, [id]),
                people.find(session, "email_normal", ["a@example.com"]),
                contacts.find(session, "person_id", [id]),
                contacts.lock_by(session, "person_id", [id]),
                companies.find(session, "domain", ["a.example"]),
                companies.find(session, "name_normal", ["a"]),
            ):
                with pytest.raises(_Asked):
                    await asked
        seen += [(statement, (acme.id, keys)) for statement, keys in (
            (known._GET, [id]), (known._BY_EMAILS, ["a@example.com"]),
        )]  # fmt: skip
        for statement, parameters in seen:
            (row,) = await session.fetch(f"EXPLAIN (FORMAT JSON) {statement}", *parameters)
            scans = [each for each in _nodes(json.loads(row[0])[0]["Plan"]) if "Relation Name" in each]
            for scan in scans:
                condition = scan.get("Index Cond", "")
                assert "organization_id" in condition and " = k" in condition, (statement, scan)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from _nodes(each)
