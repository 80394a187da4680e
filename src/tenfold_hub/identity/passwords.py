"""Passwords: kept as argon2 hashes, and compared at the same cost whether there is one or not."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: Each takes 64 MiB and some 50 ms of one core.
_AT_ONCE = 4
_hasher = PasswordHasher()
#: Of no password that anybody has: what is verified where there is no user.
_NOBODYS = _hasher.hash("nobody")


class Passwords:
    """Hashes in threads, a few at once, so that a wave of logins starves nothing else."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(_hasher.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """False for a wrong password and, as late, for a user who is not there."""
        async with self._turns:
            matches = await asyncio.to_thread(_matches, kept or _NOBODYS, password)
        return matches and kept is not None


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
