"""Cursors that a client can hold and send back, and nothing else.

A cursor carries the place of a row, signed by HMAC-SHA256 together with the tenant, the order and the query
it was made for: altered, shortened, or sent to another list or tenant, it is refused. It is signed, not
encrypted: who holds it can read the values of the columns that it is ordered by.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from tenfold.errors import CursorError, OrderError, UsageError
from tenfold.runtime.paging.keyset import Position, Query
from tenfold.runtime.paging.order import Order
from tenfold.runtime.tenant import TenantId

_PURPOSE = b"tenfold cursor 1"
#: Half of SHA-256, the least that RFC 2104 advises.
_SIGNATURE_BYTES = 16
_KEY_BYTES: Final = 16
#: A cursor travels in a URL, for which 8,000 characters are commonly the most.
_MOST_CHARACTERS = 4_096


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    backward: bool
    inclusive: bool
    values: tuple[tuple[str, str] | None, ...]
    dense: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Sealed)


class Cursors:
    """Makes and reads cursors with secret keys of at least 16 bytes: the first signs, all are accepted.

    To change a key, put the new one first, and drop the old one when its cursors may go.
    """

    __slots__ = ("_keys",)

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(not isinstance(key, bytes) or len(key) < _KEY_BYTES for key in keys):
            raise UsageError(
                f"cursors are signed with keys of at least {_KEY_BYTES} random bytes; "
                "make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
            )
        self._keys = keys

    def __repr__(self) -> str:
        return f"Cursors({len(self._keys)} keys)"

    def seal(self, position: Position, tenant: TenantId | None, order: Order, query: Query) -> str:
        """Raises OrderError where a value is of a type that a cursor cannot carry, or too long."""
        values = tuple(
            _tagged(value, column) for value, column in zip(position.values, order.names, strict=True)
        )
        body = _encoder.encode(_Sealed(position.backward, position.inclusive, values, position.dense))
        text = _text(body + self._signature(self._keys[0], body, _binding(tenant, order, query)))
        if len(text) > _MOST_CHARACTERS:
            raise OrderError(
                f"the values of ({', '.join(order.names)}) are too long for a cursor; order by "
                "the beginning of a long text, such as left(title, 200)"
            )
        return text

    def open(self, text: str, tenant: TenantId | None, order: Order, query: Query) -> Position:
        """Raises CursorError for anything that `seal` did not make for this tenant, order and query."""
        sealed = _bytes(text)
        body, signature = sealed[:-_SIGNATURE_BYTES], sealed[-_SIGNATURE_BYTES:]
        binding = _binding(tenant, order, query)
        if not any(hmac.compare_digest(self._signature(key, body, binding), signature) for key in self._keys):
            raise CursorError()
        try:
            found = _decoder.decode(body)
            values = tuple(
                None if value is None else _CARRIED[value[0]][1](value[1]) for value in found.values
            )
        except (msgspec.MsgspecError, KeyError, ValueError, ArithmeticError):
            raise CursorError() from None
        return Position(values, found.backward, found.inclusive, found.dense)

    @staticmethod
    def _signature(key: bytes, body: bytes, binding: bytes) -> bytes:
        return hmac.digest(key, _PURPOSE + binding + body, "sha256")[:_SIGNATURE_BYTES]


# --- what a cursor is bound to -----------------------------------------------------------------------


def _binding(tenant: TenantId | None, order: Order, query: Query) -> bytes:
    """32 bytes that differ wherever tenant, order, text or parameters differ."""
    bound = query.parameters if query.bound_to is None else query.bound_to
    try:
        encoded = msgspec.msgpack.encode(
            (None if tenant is None else str(tenant), order.columns, query.text, _typed(bound)),
            order="deterministic",
        )
    except (TypeError, OverflowError):
        raise UsageError(
            "a parameter of the query is of a type that a cursor cannot be bound to; "
            "give Query(..., bound_to=...) something plain that stands for the parameters"
        ) from None
    return hashlib.sha256(encoded).digest()


def _typed(value: object) -> object:
    """The value with its type, for a text and a number that look alike are not the same filter."""
    if isinstance(value, tuple | list):
        return [_typed(each) for each in value]
    for kind, (type_, _) in _CARRIED.items():
        if isinstance(value, type_):
            return [kind, _plain(value)]
    return value


# --- values ------------------------------------------------------------------------------------------

# In this order: a bool is an int, and a datetime a date.
_CARRIED: dict[str, tuple[type, Callable[[str], object]]] = {
    "b": (bool, lambda text: text == "True"),
    "i": (int, int),
    "s": (str, str),
    "t": (datetime.datetime, datetime.datetime.fromisoformat),
    "d": (datetime.date, datetime.date.fromisoformat),
    "n": (Decimal, Decimal),
    "u": (uuid.UUID, uuid.UUID),
    "f": (float, float),
}


def _tagged(value: object, column: str) -> tuple[str, str] | None:
    if value is None:
        return None
    for kind, (type_, _) in _CARRIED.items():
        if isinstance(value, type_):
            return kind, _plain(value)
    raise OrderError(
        f"column {column} has values of type {type(value).__name__}, which a cursor cannot carry; order by "
        "a number, text, date, time stamp, UUID or boolean made of it"
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str):
        # Of an enum of texts too, whose str() is its name.
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    return str(value)


# --- text --------------------------------------------------------------------------------------------


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises CursorError. Only the text that `_text` makes is taken: base64 has several for some bytes."""
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS or not text.isascii():
        raise CursorError()
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise CursorError() from None
    if _text(sealed) != text:
        raise CursorError()
    return sealed
