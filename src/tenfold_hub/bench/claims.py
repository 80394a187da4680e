"""The claims of the seed documents, measured: claim, source, how, what was found, and whether it holds.

Times are the server's own, EXPLAIN ANALYZE as the application's role under row-level security: the median of
many, each of another person, for the largest, the median and the newest organization. What a service waits
for is timed in the service.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from statistics import median
from typing import Any, Literal

import msgspec
import psycopg

from tenfold.runtime.cache import Cache
from tenfold_hub.bench.ground import Ground, Tenant, Told, as_tenant
from tenfold_hub.identity.known import PERSON, KnownPeople
from tenfold_hub.serving import database

_BLOCK = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PEOPLE = """
SELECT id, email_normal FROM identity.people
 WHERE organization_id = %s AND email_normal IS NOT NULL ORDER BY random() LIMIT %s
"""
_LEAKPROOF = "SELECT proleakproof FROM pg_catalog.pg_proc WHERE proname = 'jsonb_contains'"
#: A scan of all rows of a table, and no index.
_SCAN = "Seq Scan"

Verdict = Literal["met", "not met", "the claim itself is wrong"]


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that the server took, of one statement and organization; `nodes` are its plan's."""

    statement: str
    tenant: str
    times: tuple[float, ...]
    nodes: frozenset[str]

    @property
    def median(self) -> float:
        return median(self.times)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger, at one size."""

    id: str
    seed: str
    claim: str
    how: str
    measured: str
    verdict: Verdict
    why: str = ""


class Times:
    """What was measured at one size, by statement and organization."""

    def __init__(self, timed: Sequence[Timed]) -> None:
        self._timed = {(each.statement, each.tenant): each for each in timed}

    def __getitem__(self, statement: str) -> dict[str, Timed]:
        return {tenant: each for (name, tenant), each in self._timed.items() if name == statement}

    def worst(self, statement: str) -> float:
        return max(each.median for each in self[statement].values())

    def told(self, statement: str) -> str:
        """`0.05 / 0.04 / 0.03 ms`: the largest, the median, the newest."""
        return " / ".join(f"{each.median:.2f}" for each in self[statement].values()) + " ms"

    def scanned(self, *statements: str) -> list[str]:
        """Those for which the server read a whole table."""
        return [name for name in statements if any(_SCAN in each.nodes for each in self[name].values())]


#: What is timed for each organization; `contained` alone, which is slow, for fewer people.
STATEMENTS = (
    *("by_id", "by_email", "joined", "typed", "contained", "page", "page_of_status"),
    *("first_page", "deep_page", "offset_page"),
)
_SLOW = frozenset({"contained", "offset_page", "union_page"})


def statements() -> dict[str, str]:
    """By name; the line below a name says what it is."""
    found = _BLOCK.split((resources.files(__package__) / "claims.sql").read_text())
    return dict(zip(found[1::2], (text.strip() for text in found[2::2]), strict=True))


def measure(ground: Ground, *, repeat: int, told: Told) -> Times:
    """Also fills the rows of a filterable field, and puts contacts and customers apart."""
    text = statements()
    with psycopg.connect(ground.owner, cursor_factory=psycopg.ClientCursor) as connection:
        told("values of a filterable field")
        for tenant in ground.tenants:
            connection.execute(text["typed_rows"], {"organization": tenant.id})
        told("contacts and customers in tables of their own")
        connection.execute(text["apart"], {"organization": ground.largest.id})
    with psycopg.connect(ground.owner, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) objects.text_values")
    timed: list[Timed] = []
    for tenant in ground.tenants:
        told(f"the {tenant.place} organization")
        timed += _of_tenant(ground, tenant, text, STATEMENTS, repeat)
        timed += asyncio.run(_of_service(ground, tenant, repeat))
    timed += _of_tenant(ground, ground.largest, text, ("union_page",), repeat)
    return Times(timed)


def _of_tenant(
    ground: Ground, tenant: Tenant, text: Mapping[str, str], names: Sequence[str], repeat: int
) -> list[Timed]:
    with as_tenant(ground.settings.database, tenant) as connection:
        people = connection.execute(_PEOPLE, [tenant.id, repeat]).fetchall()
        about: dict[str, Any] = {"organization": tenant.id, "half": tenant.persons // 2}
        at, after = connection.execute(text["middle"], about).fetchone() or (None, None)
        about |= {"at": at, "after": after}
        found = []
        for name in names:
            times, nodes = [], set[str]()
            chosen = people[:5] if name in _SLOW else people
            for person, email in [people[0], *chosen]:
                took, seen = explained(connection, text[name], about | {"person": person, "email": email})
                times.append(took)
                nodes |= seen
            # The first one reads what nobody had read.
            found.append(
                Timed(statement=name, tenant=tenant.place, times=tuple(times[1:]), nodes=frozenset(nodes))
            )
    return found


async def _of_service(ground: Ground, tenant: Tenant, repeat: int) -> list[Timed]:
    """A person as another domain asks for it: of the database, and then of what the process keeps."""
    with psycopg.connect(ground.owner) as connection:
        ids = [id for id, _ in connection.execute(_PEOPLE, [tenant.id, repeat + 1]).fetchall()]
    found: dict[str, list[float]] = {"person_read": [], "person_kept": []}
    async with database(ground.settings) as db, Cache([PERSON], application="bench") as cache:
        people = KnownPeople(db, cache)
        for id in ids:
            for times in found.values():
                began = time.perf_counter()
                await people.get(tenant.id, id)
                times.append((time.perf_counter() - began) * 1000)
    # The first one has a statement prepared.
    return [
        Timed(statement=name, tenant=tenant.place, times=tuple(times[1:]), nodes=frozenset())
        for name, times in found.items()
    ]


def explained(
    connection: psycopg.Connection[Any], statement: str, about: Mapping[str, Any]
) -> tuple[float, set[str]]:
    """Milliseconds that it took to execute, and the kinds of nodes of its plan."""
    row = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", about).fetchone()
    assert row is not None
    (plan,) = row[0]
    return float(plan["Execution Time"]), set(_nodes(plan["Plan"]))


def _nodes(node: Mapping[str, Any]) -> list[str]:
    return [str(node["Node Type"]), *(each for below in node.get("Plans", ()) for each in _nodes(below))]


def contains_is_leakproof(ground: Ground) -> bool:
    with psycopg.connect(ground.owner) as connection:
        return bool((connection.execute(_LEAKPROOF).fetchone() or (False,))[0])


# --- the ledger ------------------------------------------------------------------------------------------


def ledger(times: Times, persons: int, smaller: Times | None, leakproof: bool) -> list[Found]:
    """`smaller` is what was measured at the size before."""
    found = [
        _at_most(times, "U1", "000", "a person by id in some 0.05 ms", "by_id", 0.05),
        _at_most(times, "U2", "000", "a person by e-mail in some 0.1 ms", "by_email", 0.1),
        _at_most(times, "U3", "000", "person, customer and contact by id in some 0.5 ms", "joined", 0.5),
        _containment(times, leakproof),
        _kept(times),
        _shared_table(times),
        _paging("K2", "002", "a page in less than 200 ms", times, 200),
        _plans(times),
        _depth(times),
    ]
    if smaller is not None:
        found.append(_growth(times, smaller, persons))
    return found


def _at_most(times: Times, id: str, seed: str, claim: str, statement: str, limit: float) -> Found:
    return Found(
        id=id,
        seed=seed,
        claim=claim,
        how=f"EXPLAIN ANALYZE, {statement}",
        measured=times.told(statement),
        verdict="met" if times.worst(statement) <= limit else "not met",
    )


def _containment(times: Times, leakproof: bool) -> Found:
    held = times.worst("typed") <= 1.0
    return Found(
        id="U4",
        seed="000",
        claim="a value in JSON by GIN in some 1 ms",
        how="EXPLAIN ANALYZE, typed rows; @> beside it",
        measured=f"{times.told('typed')}; by @> {times.told('contained')}",
        verdict=("met" if held else "not met") if leakproof else "the claim itself is wrong",
        why=""
        if leakproof
        else "@> on jsonb is not leakproof, so under row-level security no index serves it; "
        + ("typed rows of filterable fields hold 1 ms" if held else "typed rows take longer than 1 ms, too"),
    )


def _kept(times: Times) -> Found:
    return Found(
        id="U5",
        seed="000",
        claim="a cached person in less than 1 ms, one of the database in less than 5 ms",
        how="in the service: KnownPeople.get, the second time and the first",
        measured=f"{times.told('person_kept')}; of the database {times.told('person_read')}",
        verdict="met" if times.worst("person_kept") < 1 and times.worst("person_read") < 5 else "not met",
    )


def _shared_table(times: Times) -> Found:
    shared, apart = times["first_page"]["largest"].median, times["union_page"]["largest"].median
    return Found(
        id="U6",
        seed="000",
        claim="one table of people beats a UNION of contacts and customers",
        how="EXPLAIN ANALYZE, the newest 50 of the largest; at most 100,000 contacts, 100 customers",
        measured=f"{shared:.2f} ms, UNION {apart:.2f} ms ({apart / shared:.0f} x)",
        verdict="met" if shared < apart else "not met",
    )


def _paging(id: str, seed: str, claim: str, times: Times, limit: float) -> Found:
    slowest = max(("page", "page_of_status", "first_page", "deep_page"), key=times.worst)
    return Found(
        id=id,
        seed=seed,
        claim=claim,
        how=f"EXPLAIN ANALYZE, the slowest page: {slowest}",
        measured=times.told(slowest),
        verdict="met" if times.worst(slowest) < limit else "not met",
    )


def _plans(times: Times) -> Found:
    names = ("page", "page_of_status", "by_email", "typed")
    scanned = times.scanned(*names)
    return Found(
        id="M1",
        seed="003",
        claim="the key queries of the CRM have plans by index",
        how=f"EXPLAIN, {', '.join(names)}",
        measured=f"whole tables read by: {', '.join(scanned) or 'none'}",
        verdict="not met" if scanned else "met",
    )


def _depth(times: Times) -> Found:
    first, deep, offset = (
        times[name]["largest"].median for name in ("first_page", "deep_page", "offset_page")
    )
    flat, dear = deep <= 1.5 * first, offset > 1.5 * first
    return Found(
        id="V7",
        seed="004",
        claim="a cursor is cheap at any depth, OFFSET is not",
        how="EXPLAIN ANALYZE, the first page, and the one in the middle both ways, of the largest",
        measured=f"{first:.2f} ms, {deep:.2f} ms by cursor, {offset:.2f} ms by OFFSET",
        verdict="met" if flat and dear else "not met",
    )


def _growth(times: Times, smaller: Times, persons: int) -> Found:
    names = ("by_id", "by_email", "joined", "first_page", "deep_page")
    grown = {name: times[name]["largest"].median / smaller[name]["largest"].median for name in names}
    worst = max(names, key=lambda name: grown[name])
    return Found(
        id="U7",
        seed="000",
        claim="no problem of scale before 10M: keyed reads grow by less than 1.5 x",
        how=f"EXPLAIN ANALYZE, {', '.join(names)}, beside the size before",
        measured=f"up to {grown[worst]:.2f} x ({worst}), at {persons:,}",
        verdict="met" if grown[worst] < 1.5 else "not met",
    )
