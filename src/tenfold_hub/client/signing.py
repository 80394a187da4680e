"""Whether a message that came to a webhook is the hub's: Standard Webhooks, with HMAC-SHA256."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tenfold_hub.client.errors import UnsignedError

_PREFIX = "whsec_"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: `data` names things by their ids. `id` is the same where it is sent again."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


class Verifier:
    """Of one webhook. It has several secrets while they are exchanged."""

    def __init__(
        self, *secrets: str, tolerance: float = 300.0, clock: Callable[[], float] = time.time
    ) -> None:
        """`tolerance` is how many seconds old a message may be: who caught one cannot send it again later."""
        if not secrets:
            raise ValueError("a webhook has a secret")
        self._keys = [base64.b64decode(secret.removeprefix(_PREFIX)) for secret in secrets]
        self._tolerance, self._clock = tolerance, clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event, of the body as it came, byte by byte. Raises UnsignedError."""
        given = {name.lower(): value for name, value in headers.items()}
        id, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not id or not sent.isdecimal():
            raise UnsignedError("the message has no webhook-id, or no webhook-timestamp")
        if abs(self._clock() - int(sent)) > self._tolerance:
            raise UnsignedError(f"the message was not sent within {self._tolerance:g} s of now")
        signed = f"{id}.{sent}.".encode() + body
        signatures = [_decoded(each) for each in given.get("webhook-signature", "").split(" ")]
        expected = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in expected for other in signatures):
            raise UnsignedError("no signature of the message is of this webhook's secret")
        try:
            told = msgspec.json.decode(body, type=_Told)
        except msgspec.MsgspecError:
            raise UnsignedError("the message is signed, and yet no event") from None
        return Event(id=id, type=told.type, timestamp=told.timestamp, data=told.data)


class _Told(msgspec.Struct):
    type: str
    timestamp: datetime
    data: dict[str, Any]


def _decoded(signature: str) -> bytes:
    version, _, text = signature.partition(",")
    try:
        return base64.b64decode(text, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
