"""Who is told what the runtime did: for metrics, traces, logs, and the timing of requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tenfold.runtime.session import Session
    from tenfold.runtime.tenant import TenantId


class Observer(Protocol):
    """Told what was done, once it was done, in the task that did it. Times are seconds.

    It neither raises nor waits: it stands between a service and its answer. It is told statements as they
    were sent, and never a parameter; what it shows to others goes through `fingerprint` first.
    """

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        """A connection was had after `acquire`, and the transaction with its tenant begun after `begin`."""
        ...

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        """There was no connection, or none that could begin; or the task was cancelled while it waited."""
        ...

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        """A statement was answered, or failed."""
        ...

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        """The transaction was ended: committed, or rolled back."""
        ...

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        """The shared level of the cache was read. Its first level tells nobody, and counts."""
        ...


class Observers:
    """Several as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        for observer in self._observers:
            observer.entered(session, server, acquire, begin)

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        for observer in self._observers:
            observer.missed(tenant, seconds, error)

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        for observer in self._observers:
            observer.asked(session, statement, seconds, error)

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        for observer in self._observers:
            observer.left(session, seconds, committed=committed)

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        for observer in self._observers:
            observer.cached(namespace, hit, seconds)


def together(observers: Sequence[Observer]) -> Observer | None:
    """One that tells them all; None where there is nobody to tell."""
    if len(observers) > 1:
        return Observers(observers)
    return observers[0] if observers else None
