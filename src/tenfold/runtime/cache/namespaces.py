"""Namespaces: what is cached, declared once, with its lifetimes and its codec; presets for common ones.

A namespace belongs to tenants unless it says, in so many words, why it does not.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import types
import typing
import uuid
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from tenfold.errors import NamespaceError, did_you_mean
from tenfold.runtime.cache.codec import Codec, MsgspecCodec
from tenfold.runtime.cache.keys import word

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Namespace(Generic[T]):
    """Declares one kind of cached value. Times are in seconds. Raises NamespaceError.

    It is declared once: another one of the same content is another namespace.

    None is never a value: a load that returns None says that there is nothing, and that is remembered for
    `negative_ttl`.
    """

    name: str
    type: type[T]
    ttl: float
    #: How long it is remembered that there is nothing; 0: not at all.
    negative_ttl: float = 0
    #: How long, in this process, a failed load is not repeated; 0: the next reader tries again.
    failure_ttl: float = 0
    #: Up to this share is taken off each TTL at random: what was filled together does not end together.
    jitter: float = 0.1
    #: After this share of the TTL a reader still gets the value and one new load begins behind him.
    refresh_after: float | None = None
    #: The longest that a process keeps a value of its own.
    local_ttl: float = 300
    load_timeout: float = 30
    #: Raise it when the meaning of the type changes: older values are then misses.
    version: int = 1
    #: Why these values belong to no tenant. Empty: they belong to one.
    platform: str = ""
    #: Keys are personal or secret: only a digest of them leaves the process.
    digest_keys: bool = False
    #: Values are secrets: only an encrypting codec may carry them.
    secret: bool = False
    codec: Codec | None = None

    def __post_init__(self) -> None:
        word(self.name, "the name of a namespace")
        least = {"ttl": 0.001, "local_ttl": 0, "load_timeout": 0.001, "negative_ttl": 0, "failure_ttl": 0}
        for field, bound in least.items():
            if not bound <= getattr(self, field) <= _LONGEST_TTL:
                raise NamespaceError(f"{self.name}: {field} is between {bound} and {_LONGEST_TTL} seconds")
        if not 0 <= self.jitter < 1:
            raise NamespaceError(f"{self.name}: jitter is a share of the TTL, from 0 to below 1")
        if self.refresh_after is not None and not 0 < self.refresh_after < 1:
            raise NamespaceError(f"{self.name}: refresh_after is a share of the TTL, between 0 and 1")
        if self.secret and not (self.codec and self.codec.encrypts):
            raise NamespaceError(
                f"{self.name} holds secrets: give it codec=EncryptingCodec(type, keys=[...])"
            )

    def make_codec(self) -> Codec:
        return self.codec or MsgspecCodec(self.type)


_LONGEST_TTL = 366 * 86_400

#: The cache tables of two products, as a start: lifetimes, what is secret, what belongs to no tenant.
_PRESETS: dict[str, dict[str, Any]] = {
    "organization": {"ttl": 300},
    "plan": {"ttl": 3600, "platform": "plans are the same for every tenant"},
    "session": {
        "ttl": 900,
        "platform": "a session is looked up before its tenant is known",
        "digest_keys": True,
    },
    "provider": {"ttl": 300, "secret": True},
    "suppression": {"ttl": 600, "digest_keys": True},
    "usage": {"ttl": 60},
    "template": {"ttl": 300},
    "user": {"ttl": 1800},
    "list": {"ttl": 300},
    "trending": {"ttl": 3600},
    "counts": {"ttl": 7200},
}


def preset(name: str, type: type[T], /, **changes: Any) -> Namespace[T]:
    """A namespace with the lifetimes of the preset of this name. Raises NamespaceError."""
    if name not in _PRESETS:
        raise NamespaceError(f"there is no preset {name!r}{did_you_mean(name, _PRESETS)}")
    return Namespace(**{"name": name, "type": type, **_PRESETS[name], **changes})


def immutable(of: Any) -> bool:
    """Whether readers may share one object of this type, as none of them can change it."""
    origin, arguments = typing.get_origin(of), typing.get_args(of)
    if origin is typing.Annotated:
        return immutable(arguments[0])
    if origin is typing.Literal:
        return True
    if origin in (typing.Union, types.UnionType) or origin in (tuple, frozenset):
        return all(each is Ellipsis or immutable(each) for each in arguments)
    if of in _ATOMS:
        return True
    if not isinstance(of, type):
        return False
    if issubclass(of, enum.Enum):
        return True
    if issubclass(of, msgspec.Struct):
        return of.__struct_config__.frozen and all(immutable(each) for each in _field_types(of))
    return False


_ATOMS = frozenset(
    {bool, int, float, str, bytes, type(None), None, uuid.UUID, decimal.Decimal}
    | {datetime.datetime, datetime.date, datetime.time, datetime.timedelta}
)


def _field_types(struct: type[msgspec.Struct]) -> list[Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    return [hints[field] for field in struct.__struct_fields__]
