"""Requests of four kinds to the hub and to what stands beside it: same database, turn and turn about."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import msgspec

from tenfold_hub.bench.ground import Ground, Told
from tenfold_hub.bench.load import Kind, Load, send, typical
from tenfold_hub.bench.servers import HUB, Contender, served

#: Connections that ask at once.
CONNECTIONS: dict[Kind, int] = {"get": 16, "list": 16, "create": 16, "batch": 1}
#: What the hub alone is asked: contacts with their people and companies, a search, a list with its count.
HUB_ALONE: dict[Kind, int] = {"expanded": 4, "search": 4, "counted": 4}
#: The issue's, and claims of seed 004: requests a second, and the 95th percentile in seconds. Of the claim V4
#: (bulk) a batch of 1,000 is held to the time alone: 50 of them a second would be 50,000 rows.
GOALS: tuple[tuple[str, Kind, float, float], ...] = (
    ("issue", "get", 2500, 0.030),
    ("issue", "create", 800, 0.080),
    ("issue", "batch", 0, 1.0),
    ("V1", "get", 1000, 0.100),
    ("V2", "create", 500, 0.200),
    ("V4", "batch", 0, 2.0),
    ("K1", "search", 0, 0.050),
    ("K2", "expanded", 0, 0.100),
    ("V3", "counted", 100, 0.500),
)
#: How many times as many requests as another, at least.
RATIOS: Mapping[str, float] = {"bare ASGI and asyncpg": 0.5, "FastAPI and SQLAlchemy": 3.0}
_IDS = 5_000


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Of one contender and kind: each round's run, in their order."""

    name: str
    kind: Kind
    rounds: tuple[Load, ...]

    @property
    def typical(self) -> Load:
        return typical(list(self.rounds))


class Verdict(msgspec.Struct, frozen=True):
    goal: str
    measured: str
    met: bool


def measure(
    ground: Ground, contenders: list[Contender], *, rounds: int, seconds: int, told: Told
) -> list[Result]:
    """Each round asks every contender for every kind; who is first differs from round to round."""
    asked = {each.name: CONNECTIONS | (HUB_ALONE if each is HUB else {}) for each in contenders}
    found: dict[tuple[str, Kind], list[Load]] = {
        (n, kind): [] for n, kinds in asked.items() for kind in kinds
    }
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        ids = Path(folder) / "ids"
        ids.write_text("\n".join(ground.people(ground.largest, _IDS)) + "\n")
        key = ground.key()
        ports = {}
        for each in contenders:
            told(f"starting {each.name}")
            ports[each.name] = stack.enter_context(served(each, ground.settings))
            for kind, connections in asked[each.name].items():
                send(ports[each.name], key, kind, ids, connections=connections, seconds=1)
        for number in range(rounds):
            order = contenders[number % len(contenders) :] + contenders[: number % len(contenders)]
            for kind, connections in asked[HUB.name].items():
                for each in (each for each in order if kind in asked[each.name]):
                    told(f"round {number + 1} of {rounds}: {kind}, {each.name}")
                    load = send(ports[each.name], key, kind, ids, connections=connections, seconds=seconds)
                    found[each.name, kind].append(load)
    return [Result(name=name, kind=kind, rounds=tuple(loads)) for (name, kind), loads in found.items()]


def ratio(ours: Result, theirs: Result) -> float | None:
    """How many times as many requests: the median of the rounds. None where theirs answered none in one."""
    pairs = list(zip(ours.rounds, theirs.rounds, strict=True))
    if not all(other.rate for _, other in pairs):
        return None
    return median(one.rate / other.rate for one, other in pairs)


def verdicts(results: list[Result]) -> list[Verdict]:
    by = {(each.name, each.kind): each for each in results}
    found: list[Verdict] = []
    for source, kind, rate, p95 in GOALS:
        load = by[HUB.name, kind].typical
        goal = (
            f"{source}, {kind}: " + (f"{rate:,.0f} a second, " if rate else "") + f"p95 {p95 * 1000:,.0f} ms"
        )
        told = f"{load.rate:,.0f} a second, p95 {load.p95 * 1000:,.1f} ms"
        met = load.rate >= rate and load.p95 <= p95 and not load.failed
        found.append(Verdict(goal, told + (f", {load.failed} failed" if load.failed else ""), met))
    for name, least in RATIOS.items():
        for kind in CONNECTIONS:
            if (other := by.get((name, kind))) is not None:
                times = ratio(by[HUB.name, kind], other)
                goal = f"{kind}: {least:g} x the requests of {name}"
                told = (
                    "it answered none in a round: give more --seconds" if times is None else f"{times:.2f} x"
                )
                found.append(Verdict(goal, told, times is not None and times >= least))
    return found
