"""What is secret at rest: AES-256-GCM under the hub's key, bound to what it is the secret of."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class Seal:
    """Made of the hub's key; another key is derived from it, so that one that leaks opens nothing else."""

    def __init__(self, key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"tenfold hub: secrets at rest, 1").derive(key)
        self._cipher = AESGCM(derived)

    def close(self, secret: bytes, owner: bytes) -> bytes:
        """The sealed form, which opens only with the same owner."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """Raises cryptography's InvalidTag for what another key, or for another owner, has sealed."""
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner)
