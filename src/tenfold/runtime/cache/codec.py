"""Values to bytes and back: msgspec's MessagePack, plain or encrypted. Never pickle.

Bytes are bound to the name that they are stored under: a value that was copied to another name, of another
tenant say, is not readable there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from tenfold.errors import CacheError, CodecError


class Codec(Protocol):
    """What a namespace may be given instead of MsgspecCodec. Both raise CodecError."""

    @property
    def encrypts(self) -> bool: ...
    def encode(self, value: Any, name: str) -> bytes: ...
    def decode(self, data: bytes, name: str) -> Any: ...


class MsgspecCodec:
    """MessagePack of one declared type, strictly decoded."""

    encrypts = False

    def __init__(self, of: Any) -> None:
        try:
            self._decoder = msgspec.msgpack.Decoder(of)
        except TypeError as error:
            raise CodecError(f"msgspec cannot decode {of!r}: {error}") from error
        self._encoder = msgspec.msgpack.Encoder()

    def encode(self, value: Any, name: str) -> bytes:
        try:
            return self._encoder.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise CodecError(f"a {type(value).__name__} cannot be encoded as MessagePack") from error

    def decode(self, data: bytes, name: str) -> Any:
        try:
            return self._decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            # The cause may cite a value, so it is not repeated.
            raise CodecError("a cached value is not of the type that its namespace declares") from error


class EncryptingCodec:
    """AES-256-GCM around MessagePack, for secrets. The first key encrypts; all of them decrypt.

    Keys are 32 random bytes, from your secret store. A name is authenticated with its value.
    """

    encrypts = True

    def __init__(self, of: Any, keys: Sequence[bytes]) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise CacheError("encryption needs cryptography; install tenfold[runtime-encryption]") from error
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise CodecError(f"an encrypting codec takes one key or more, each of {_KEY_BYTES} bytes")
        self._inner = MsgspecCodec(of)
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self._first = _key_id(keys[0])

    def encode(self, value: Any, name: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        clear = self._inner.encode(value, name)
        return self._first + nonce + self._ciphers[self._first].encrypt(nonce, clear, name.encode())

    def decode(self, data: bytes, name: str) -> Any:
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(data[:_KEY_ID_BYTES])
        start = _KEY_ID_BYTES + _NONCE_BYTES
        if cipher is None or len(data) < start:
            raise CodecError("a cached value was encrypted with a key that is not among those given")
        try:
            clear = cipher.decrypt(data[_KEY_ID_BYTES:start], data[start:], name.encode())
        except InvalidTag:
            raise CodecError("a cached value was changed, or belongs to another name") from None
        return self._inner.decode(clear, name)


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What is stored in the shared level: a value with what must still hold for it to be one."""

    format: int
    version: int
    name: str
    #: Token by fence, as they were when the load began.
    fences: dict[str, str]
    #: None says that the source has nothing under this key.
    body: bytes | None


FORMAT = 1
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12

_envelope_encoder = msgspec.msgpack.Encoder()
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)


def seal(version: int, name: str, fences: dict[str, str], body: bytes | None) -> bytes:
    return _envelope_encoder.encode(Envelope(FORMAT, version, name, fences, body))


def unseal(data: bytes, version: int, name: str) -> Envelope:
    """Raises CodecError for garbage, another format or version, and another name's envelope."""
    try:
        envelope = _envelope_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise CodecError("what the shared cache holds was not written by this cache") from error
    if (envelope.format, envelope.version, envelope.name) != (FORMAT, version, name):
        raise CodecError("what the shared cache holds is of another version, or of another name")
    return envelope


def _key_id(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_KEY_ID_BYTES, person=b"tenfold cache").digest()
