"""What commerce asks of identity: who an id stands for. In this process, or over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Protocol

from tenfold.runtime import Session
from tenfold_hub.identity.api import hold


class People(Protocol):
    """Ids may be aliases: of people that were merged into others."""

    async def living(self, session: Session, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
        """By id: the person that it stands for now. Ids of nobody are left out."""
        ...


class LocalPeople:
    """In the database of this process: who is found is not merged before the transaction ends."""

    async def living(self, session: Session, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
        return await hold(session, ids)
