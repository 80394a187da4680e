"""Labels for the busiest tenants, and one label for all others: as many series at 100,000 tenants as at 100.

Who is busiest is decided when somebody scrapes, and at no other time. So nothing is counted twice or lost:

- a tenant that gets a label starts with the sample 0. What it did before is in `other`, and stays there;
- one that loses it has been shown in full, and does what it does next in `other`;
- `other` itself only ever grows by what happens. It never takes over what a series that goes had counted:
  that would look like a burst to `rate()`, which reads each series alone, while it forgives one that begins
  again at 0.

A series that goes is shown for some minutes more, with its last count, so that each of several servers that
scrape has seen that; a tenant that comes back in the meantime counts on in it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock

from tenfold.errors import UsageError
from tenfold.runtime.tenant import TenantId

#: Labels that are no tenant's: an id is a number or a UUID.
OTHER, NONE = "other", "none"

#: Tenants kept in mind for each label given. A tenant that takes more than this share of a label's share of
#: all the time is among them, whatever the others do (Metwally, Agrawal, El Abbadi: Space-Saving, 2005).
_REMEMBERED = 10
#: How much busier than one that has a label another one must surely be to take its place.
_MARGIN = 1.25


@dataclass(slots=True)
class Tally:
    """Seconds, and how many times."""

    queries: int = 0
    query_seconds: float = 0.0
    requests: int = 0
    request_seconds: float = 0.0


class TopTenants:
    """The `places` tenants that took the most seconds lately; what is older than `half_life` counts half.

    `linger` is for how many seconds a series that goes is still shown. Any thread may use it.
    """

    def __init__(
        self,
        places: int,
        *,
        half_life: float = 600.0,
        linger: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if places < 0 or half_life <= 0 or linger < 0:
            raise UsageError("labels for tenants are 0 or more, and the times for them are above 0")
        self._places, self._half_life, self._linger, self._clock = places, half_life, linger, clock
        self._busiest = Busiest(places * _REMEMBERED)
        self._other = Tally()
        self._tallies: dict[TenantId | None, Tally] = {None: Tally()}
        #: Shown until then, and no longer counted in.
        self._leaving: dict[TenantId, tuple[Tally, float]] = {}
        self._faded = clock()
        self._lock = Lock()

    def query(self, tenant: TenantId | None, seconds: float) -> None:
        with self._lock:
            tally = self._tallies.get(tenant, self._other)
            tally.queries += 1
            tally.query_seconds += seconds
            if tenant is not None:
                self._busiest.add(tenant, seconds)

    def request(self, tenant: TenantId | None, seconds: float) -> None:
        with self._lock:
            tally = self._tallies.get(tenant, self._other)
            tally.requests += 1
            tally.request_seconds += seconds
            if tenant is not None:
                self._busiest.add(tenant, seconds)

    def scrape(self) -> dict[str, Tally]:
        """By label, `other` and `none` among them; then decides who has a label until the next time.

        At most twice as many labels of tenants as there are places.
        """
        with self._lock:
            now = self._clock()
            self._busiest.fade(0.5 ** (max(0.0, now - self._faded) / self._half_life))
            self._faded = now
            self._leaving = {each: kept for each, kept in self._leaving.items() if now < kept[1]}
            self._choose(now)
            shown: dict[str, Tally] = {OTHER: replace(self._other)}
            for tenant, (tally, _) in self._leaving.items():
                shown[str(tenant)] = replace(tally)
            for known, tally in self._tallies.items():
                shown[NONE if known is None else str(known)] = replace(tally)
            return shown

    def _choose(self, now: float) -> None:
        chosen = [tenant for tenant in self._tallies if tenant is not None]
        for tenant, leaves in self._busiest.changes(chosen, self._places):
            if leaves is not None:
                self._leaving[leaves] = self._tallies.pop(leaves), now + self._linger
            tally, _ = self._leaving.pop(tenant, (Tally(), 0.0))
            self._tallies[tenant] = tally
        while len(self._leaving) > self._places:
            del self._leaving[next(iter(self._leaving))]


@dataclass(slots=True)
class _Weight:
    seconds: float
    #: What of it may be another's, whose place this tenant took.
    inherited: float = 0.0


class Busiest:
    """Space-Saving with weights: `size` tenants in mind, found among any number of them.

    A tenant's weight is never below what it really has, and above it by what it inherited at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._weights: dict[TenantId, _Weight] = {}
        #: A heap with one entry a tenant, whose weight may have grown since; the number breaks ties, as ids
        #: of two databases may not compare.
        self._lightest: list[tuple[float, int, TenantId]] = []
        self._number = count()

    def __len__(self) -> int:
        return len(self._weights)

    def add(self, tenant: TenantId, seconds: float) -> None:
        weight = self._weights.get(tenant)
        if weight is not None:
            weight.seconds += seconds
        elif len(self._weights) < self._size:
            self._weights[tenant] = _Weight(seconds)
            heapq.heappush(self._lightest, (seconds, next(self._number), tenant))
        elif self._size:
            least = self._settle()
            del self._weights[self._lightest[0][2]]
            self._weights[tenant] = _Weight(least + seconds, least)
            heapq.heapreplace(self._lightest, (least + seconds, next(self._number), tenant))

    def fade(self, factor: float) -> None:
        """Makes all that was so far count less: at a scrape, what came since the last one, too."""
        for weight in self._weights.values():
            weight.seconds *= factor
            weight.inherited *= factor
        self._lightest = [
            (weight.seconds, next(self._number), tenant) for tenant, weight in self._weights.items()
        ]
        heapq.heapify(self._lightest)

    def changes(self, chosen: list[TenantId], places: int) -> list[tuple[TenantId, TenantId | None]]:
        """Who comes, and in whose place, if not in a free one: only who is surely busier by a margin."""
        least = self._settle() if len(self._weights) >= self._size > 0 else 0.0
        known = set(chosen)
        sure = {
            tenant: weight.seconds - weight.inherited
            for tenant, weight in self._weights.items()
            if tenant not in known and weight.seconds > weight.inherited
        }
        # Who was forgotten has no more than the lightest of those in mind.
        most = {
            tenant: weight.seconds if (weight := self._weights.get(tenant)) else least for tenant in chosen
        }
        coming = sorted(sure, key=sure.__getitem__, reverse=True)
        going = sorted(most, key=most.__getitem__)
        free = max(0, places - len(chosen))
        found: list[tuple[TenantId, TenantId | None]] = [(tenant, None) for tenant in coming[:free]]
        for tenant, leaves in zip(coming[free:], going, strict=False):
            if sure[tenant] <= _MARGIN * most[leaves]:
                break
            found.append((tenant, leaves))
        return found

    def _settle(self) -> float:
        """Brings the lightest to the top of the heap; its weight."""
        while True:
            noted, _, tenant = self._lightest[0]
            seconds = self._weights[tenant].seconds
            if seconds <= noted:
                return seconds
            heapq.heapreplace(self._lightest, (seconds, next(self._number), tenant))
