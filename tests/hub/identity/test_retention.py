"""What is kept of people for a time only: what merges changed, sessions, invitations, the audit log."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import httpx
import psycopg
import pytest
from msgspec import structs
from psycopg.conninfo import make_conninfo

from tenfold.errors import UsageError
from tenfold.runtime import Database
from tenfold.runtime.paging import Cursors
from tenfold_hub.app import assemble
from tenfold_hub.exchange.maintenance import Maintenance
from tenfold_hub.identity import api
from tenfold_hub.kit import ids
from tenfold_hub.kit.principal import Principal
from tenfold_hub.migrations.table import SETTING
from tenfold_hub.roles import ROLES
from tenfold_hub.settings import PREFIX, Settings
from tests.hub.conftest import Organization
from tests.hub.identity.test_access import joined
from tests.hub.identity.test_merging import merged, person

_COUNTS = """
SELECT (SELECT count(*) FROM identity.merge_images), (SELECT count(*) FROM identity.sessions),
       (SELECT count(*) FROM identity.invites)
"""
_MONTH = """
SET ROLE hub_owner;
CREATE TABLE hub.audit_entries_2020_01 PARTITION OF hub.audit_entries
   FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00');
RESET ROLE;
INSERT INTO hub.audit_entries (organization_id, at, id, actor_kind, actor_id, action, resource, object_id)
SELECT id, at, id, 'user', id, 'created', 'people', id
  FROM gen_random_uuid() AS id, unnest(ARRAY['2019-05-05', '2020-01-05', now()::text]::timestamptz[]) AS at;
"""


async def maintained(owner: str, audit_months: int = 0) -> dict[str, int]:
    dsn = make_conninfo(owner, user=ROLES.maintenance)
    async with Database(dsn, tenant_type=uuid.UUID, setting=SETTING) as db:
        return await Maintenance(db, audit_months=audit_months).once()


async def test_what_a_merge_changed_is_kept_while_it_can_be_undone(
    client: httpx.AsyncClient,
    other: httpx.AsyncClient,
    owner: str,
    db: Database,
    settings: Settings,
    acme: Organization,
) -> None:
    a, b, c, d = [await person(client, given_name=name) for name in "ABCD"]
    old, new = await merged(client, a["id"], b["id"]), await merged(client, c["id"], d["id"])
    theirs = await merged(other, *[(await person(other))["id"] for _ in "AB"])

    def days(merge: dict[str, str]) -> timedelta:
        return datetime.fromisoformat(merge["undo_until"]) - datetime.fromisoformat(merge["created_at"])

    assert days(old["merge"]) == timedelta(days=90)
    e, f = [_id(await person(client)) for _ in "EF"]
    identity = api.of(assemble(db, Cursors(settings.key), structs.replace(settings, undo_days=7)))
    principal = Principal(organization=acme.id, id=uuid.uuid4(), kind="job", scopes=frozenset())
    async with db.tenant(acme.id) as session:
        await identity.merge_people(session, principal, e, [f])
    listed = await client.get("/merges", params={"filter[survivor_id]": ids.shown("per", e)})
    third = {"merge": listed.json()["items"][0]}
    assert days(third["merge"]) == timedelta(days=7)

    with psycopg.connect(owner) as connection:
        for table, column in (("merges", "undo_until"), ("merge_images", "keep_until")):
            connection.execute(
                f"UPDATE identity.{table} AS t SET {column} = {column} - interval '90 days'"
                " FROM identity.person_aliases AS a WHERE a.alias_id = %s AND a.merge_id = t."
                + ("id" if table == "merges" else "merge_id"),
                [_id(b)],
            )
        (before, *_) = connection.execute(_COUNTS).fetchone() or ()
    late = await client.post(f"/merges/{old['merge']['id']}/undo")
    assert (late.status_code, late.json()["code"]) == (410, "gone")
    assert "could be undone until" in late.json()["detail"]
    # Who began to undo it in the last moment has an hour for that.
    assert (await maintained(owner))["images of merges"] == 0
    with psycopg.connect(owner) as connection:
        connection.execute(
            "UPDATE identity.merge_images SET keep_until = keep_until - interval '1 hour'"
            " WHERE keep_until < now()"
        )
    pruned = (await maintained(owner))["images of merges"]
    with psycopg.connect(owner) as connection:
        (after, *_) = connection.execute(_COUNTS).fetchone() or ()
    assert 0 < pruned == before - after
    assert after > 0
    # Who the alias stands for is known forever.
    assert (await client.get(f"/people/{b['id']}")).json()["id"] == a["id"]
    assert (await client.post(f"/merges/{old['merge']['id']}/undo")).status_code == 410
    for each, merge in ((client, new), (other, theirs), (client, third)):
        assert (await each.post(f"/merges/{merge['merge']['id']}/undo")).status_code == 200


def _id(thing: dict[str, str]) -> uuid.UUID:
    return ids.read("per", thing["id"])


async def test_sessions_and_invitations_go_some_time_after_they_ended(
    client: httpx.AsyncClient, owner: str
) -> None:
    for email in ("ada@x.example", "eve@x.example"):
        await joined(client, email)
    for interval, left in (("29 days", (2, 2)), ("2 days", (1, 2)), ("60 days", (0, 1))):
        with psycopg.connect(owner) as connection:
            for table in ("sessions", "invites"):
                connection.execute(
                    f"UPDATE identity.{table} SET created_at = created_at - %s::interval WHERE id ="
                    f" (SELECT min(id::text)::uuid FROM identity.{table})",
                    [interval],
                )
        await maintained(owner)
        with psycopg.connect(owner) as connection:
            (_, *found) = connection.execute(_COUNTS).fetchone() or ()
        assert tuple(found) == left


async def test_the_audit_log_goes_by_months_if_it_is_to(owner: str) -> None:
    def months() -> list[str]:
        with psycopg.connect(owner) as connection:
            found = connection.execute("SELECT at::date::text FROM hub.audit_entries ORDER BY at").fetchall()
            return [str(at)[:4] for (at,) in found]

    with psycopg.connect(owner) as connection:
        connection.execute(_MONTH)
    await maintained(owner)
    assert len(months()) == 3
    done = await maintained(owner, audit_months=24)
    assert (done["months of the audit log"], done["entries of the audit log"]) == (1, 1)
    assert len(months()) == 1
    with psycopg.connect(owner) as connection:
        assert connection.execute("SELECT to_regclass('hub.audit_entries_2020_01')").fetchone() == (None,)
        # Whoever may have months dropped has none of the last three dropped.
        connection.execute("SET ROLE hub_maintenance")
        assert connection.execute("SELECT hub.drop_audit_partitions(0)").fetchone() == (0,)
        assert connection.execute("SELECT hub.drop_audit_partitions(NULL)").fetchone() == (None,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNDO_DAYS", "0"),
        ("UNDO_DAYS", "x"),
        ("UNDO_DAYS", "5000"),
        ("AUDIT_MONTHS", "2"),
        ("AUDIT_MONTHS", "-1"),
        ("PROXIES", "10.0.0.1/8"),
        ("PROXIES", "proxy"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: str) -> None:
    told = {f"{PREFIX}DATABASE": "dbname=hub", f"{PREFIX}SECRET": "5e" * 32}
    with pytest.raises(UsageError):
        Settings.from_environment(told | {f"{PREFIX}{name}": value})


def test_settings_go_to_another_process_as_they_are() -> None:
    for settings in (
        Settings(database="dbname=hub", secret="5e" * 32),
        Settings(
            database="dbname=hub",
            secret="5e" * 32,
            undo_days=7,
            audit_months=0,
            proxies=("10.0.0.0/8", "2001:db8::1"),
        ),
    ):
        assert Settings.from_environment(settings.environment()) == settings
