"""Sees to it that a response to which a tenant's rows may have gone is known as one.

    witness = TenantWitness()
    db = Database("postgresql://app@localhost/product", observers=[witness])

Whoever opens a session of a tenant while a request is answered makes the response one of a tenant, in
whatever task or thread, and whether or not the request itself had a tenant.
"""

from __future__ import annotations

from contextvars import ContextVar

from tenfold.runtime.session import Session
from tenfold.runtime.tenant import TenantId


class Answer:
    """One response on its way."""

    __slots__ = ("of_tenant",)

    def __init__(self) -> None:
        self.of_tenant = False


#: The response that this task works for; tasks and threads that it starts share it.
answering: ContextVar[Answer | None] = ContextVar("answering", default=None)


class TenantWitness:
    """An observer of a Database."""

    def entered(self, session: Session, server: str, acquire: float, begin: float) -> None:
        if session.tenant is not None and (answer := answering.get()) is not None:
            answer.of_tenant = True

    def missed(self, tenant: TenantId | None, seconds: float, error: BaseException) -> None:
        """Nothing: no row was read."""

    def asked(self, session: Session, statement: str, seconds: float, error: BaseException | None) -> None:
        """Nothing: a statement has a session."""

    def left(self, session: Session, seconds: float, *, committed: bool) -> None:
        """Nothing: it was entered."""

    def cached(self, namespace: str, hit: bool, seconds: float) -> None:
        """Nothing: it is not told whose."""
