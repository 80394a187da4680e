"""Passwords: what proves one is worked out here, by argon2, and compared in the database.

No hash of a password comes out of the database, so that none can be had with the application's rights.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2.low_level import Type, hash_secret_raw

from tenfold_hub.kit.problems import Problem

_PASSES, _KIBIBYTES, _LANES, _BYTES = 3, 65_536, 4, 32
#: How proofs are made: the second choice of RFC 9106. It is kept with each, so that there may be another one.
FORM = f"argon2id,v=19,m={_KIBIBYTES},t={_PASSES},p={_LANES}"

#: Each takes 64 MiB and some 50 ms of one core. Those that wait keep their request and nothing else.
_AT_ONCE, _MOST_WAITING = 4, 200


class Passwords:
    """Works in threads, a few at once, so that a wave of logins starves nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
        self._asked = 0

    async def proof(self, password: str, salt: bytes) -> bytes:
        """It takes as long for every password. Raises Problem `unavailable` where too many wait already."""
        if self._asked >= _AT_ONCE + _MOST_WAITING:
            raise Problem("unavailable", "too many log in at this moment", headers={"Retry-After": "5"})
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _proof, password, salt)
        finally:
            self._asked -= 1


def _proof(password: str, salt: bytes) -> bytes:
    return hash_secret_raw(
        password.encode(),
        salt,
        time_cost=_PASSES,
        memory_cost=_KIBIBYTES,
        parallelism=_LANES,
        hash_len=_BYTES,
        type=Type.ID,
    )
