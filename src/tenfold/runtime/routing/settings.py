"""When a replica is good enough."""

from __future__ import annotations

import msgspec

from tenfold.errors import UsageError


class ReplicaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds."""

    #: Between two looks at each replica.
    look_every: float = 1.0
    #: A replica is ejected when it is further behind than this, and readmitted when it has been nearer than
    #: `readmit_lag` for `readmit_after`: two limits, so that one who is at a limit does not flutter.
    eject_lag: float = 10.0
    readmit_lag: float = 2.0
    readmit_after: float = 5.0
    #: How long a read with a token waits for a replica before the primary answers it.
    wait: float = 0.1
    #: A replica that was promoted takes the place of a primary that has not answered for so long.
    follow_after: float = 5.0

    def __post_init__(self) -> None:
        if (
            min(self.look_every, self.eject_lag, self.readmit_lag) <= 0
            or self.readmit_after < 0
            or self.follow_after < 0
        ):
            raise UsageError("the times of ReplicaSettings are greater than 0")
        if self.readmit_lag > self.eject_lag:
            raise UsageError("readmit_lag is at most eject_lag, else a replica comes and goes")
        if not 0 <= self.wait <= 60:
            raise UsageError("a read waits from 0 to 60 seconds for a replica")
