"""What is to be forgotten, collected during a transaction and carried out after its commit.

An invalidation before the commit is worth nothing: the next reader fills the old value again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

import msgspec

from tenfold.errors import CacheError
from tenfold.runtime.cache.keys import Key
from tenfold.runtime.cache.namespaces import Namespace
from tenfold.runtime.tenant import TenantId


class AfterCommit(Protocol):
    """The part of a session that an invalidation needs: it calls, and awaits, once the commit is done."""

    def after_commit(self, call: Callable[[], Any], /, *, also_in_doubt: bool = False) -> None: ...


class Invalidation:
    """Names to forget. Call it, and await that, after the commit; `on_commit(session)` has it called.

    The answer is True when every process that hears invalidations is told, and False when the shared level
    could not be reached: then it holds in this process, and elsewhere as soon as the line is back. The
    caller's cancellation does not stop it. Should the process die between commit and call, nothing is told,
    and entries live until their TTL: who cannot have that sends the invalidation by an outbox.
    """

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces
        self._names: set[str] = set()

    def keys(self, namespace: Namespace[Any], tenant: TenantId | None, *keys: Key) -> Self:
        """These keys of the namespace."""
        self._names.update(self._spaces.value_names(namespace, tenant, keys))
        return self

    def tags(self, tenant: TenantId | None, *tags: str) -> Self:
        """Whatever of this tenant was filled under one of these tags, in any namespace."""
        self._names.update(self._spaces.tag_names(tenant, tags))
        return self

    def namespace(self, namespace: Namespace[Any], tenant: TenantId | None) -> Self:
        """All that the namespace holds of this tenant."""
        self._names.add(self._spaces.scope_name(namespace, tenant))
        return self

    def tenant(self, tenant: TenantId) -> Self:
        """All that any namespace holds of this tenant."""
        self._names.update(self._spaces.scope_names(tenant))
        return self

    def on_commit(self, session: AfterCommit) -> Self:
        # A commit whose answer never came may have been one: to forget too much costs a load.
        session.after_commit(self, also_in_doubt=True)
        return self

    def __call__(self) -> Awaitable[bool]:
        return self._spaces.forget(frozenset(self._names))


class Spaces(Protocol):
    """What an invalidation asks of the cache."""

    def value_names(
        self, namespace: Namespace[Any], tenant: TenantId | None, keys: tuple[Key, ...]
    ) -> list[str]: ...
    def tag_names(self, tenant: TenantId | None, tags: tuple[str, ...]) -> list[str]: ...
    def scope_name(self, namespace: Namespace[Any], tenant: TenantId | None) -> str: ...
    def scope_names(self, tenant: TenantId) -> list[str]: ...
    def forget(self, names: frozenset[str]) -> Awaitable[bool]: ...


class Message(msgspec.Struct, array_like=True, frozen=True):
    """What one process tells the others. `names=None`: all of them."""

    origin: str
    names: list[str] | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


def write_message(message: Message) -> bytes:
    return _encoder.encode(message)


def read_message(data: bytes) -> Message:
    """Raises CacheError for what no cache wrote."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise CacheError("a message of the cache's channel is unreadable") from error
