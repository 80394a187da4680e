"""Consumers of a hub's domains: each is told of each event, and one that fails holds up nobody else."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tenfold.runtime import Database
from tenfold.runtime.outbox import Event
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import assemble
from tenfold_hub.exchange.delivering import Times
from tenfold_hub.exchange.topics import matches
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Patch
from tenfold_hub.settings import Settings
from tests.hub.conftest import Organization
from tests.hub.exchange.conftest import dispatching, until

heard: list[tuple[Any, str, str, list[str]]] = []


async def listening(event: Event) -> None:
    heard.append((event.tenant, event.topic, event.key, event.payload["fields"]))


async def failing(event: Event) -> None:
    raise RuntimeError(event.topic)


async def test_consumers_are_told_after_the_commit_and_apart_from_each_other(
    db: Database, settings: Settings, acme: Organization
) -> None:
    heard.clear()
    platform = assemble(db, Cursors(settings.key), settings)
    platform.consume({"crm.companies.updated": failing})
    platform.consume({"crm.companies.*": listening})
    records = platform.records["companies"]
    background = platform.services["background"].hurried(times=Times(), back_off=(0.05,))
    principal = _principal(acme)
    async with background.running(dispatching(settings)):
        with pytest.raises(ZeroDivisionError):
            async with db.tenant(acme.id) as session:
                await records.create(session, principal, [{"name": "never", **_DEFAULTS}])
                raise ZeroDivisionError
        async with db.tenant(acme.id) as session:
            (made,) = await records.create(session, principal, [{"name": "one", **_DEFAULTS}])
        assert made.values is not None
        for score in (1, 2):
            async with db.tenant(acme.id) as session:
                await records.update(session, principal, [_patch(made.values["id"], score)])
        await until(lambda: len(heard) >= 3)
    assert [(tenant, topic) for tenant, topic, _, _ in heard] == [
        (acme.id, "crm.companies.created"),
        (acme.id, "crm.companies.updated"),
        (acme.id, "crm.companies.updated"),
    ]
    assert len({key for _, _, key, _ in heard}) == 1
    assert heard[1][3] == ["score"]


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("*", "crm.contacts.created", True),
        ("crm.*", "crm.contacts.created", True),
        ("crm.*", "crmx.contacts.created", False),
        ("*.created", "crm.contacts.created", True),
        ("*.created", "crm.contacts.created.twice", False),
        ("crm.*.created", "crm.contacts.created", True),
        ("crm.*.created", "crm.contacts.updated", False),
        ("crm.contacts.created", "crm.contacts.created", True),
        ("crm.contacts", "crm.contacts.created", False),
    ],
)
def test_a_pattern_stands_for_topics(pattern: str, topic: str, expected: bool) -> None:
    assert matches([pattern], topic) is expected


_DEFAULTS: dict[str, Any] = {"score": 0, "status": "prospect", "priority": "normal", "custom": {}}


def _principal(organization: Organization) -> Any:
    return Principal(organization=organization.id, id=uuid.uuid4(), kind="api_key", scopes=frozenset({"*"}))


def _patch(id: Any, score: int) -> Any:
    return Patch(id, {"score": score})
