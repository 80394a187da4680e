"""What every subject of the bench is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tenfold.bench.runtime.ground import Ground
from tenfold.bench.runtime.timing import Contender, Effort, Timed, interleaved


class Bench(msgspec.Struct, frozen=True):
    ground: Ground
    effort: Effort
    told: Callable[[str], None]

    async def measure(self, contenders: Sequence[Contender]) -> list[Timed]:
        return await interleaved(contenders, self.effort, self.told)
