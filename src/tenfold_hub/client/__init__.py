"""A client of the hub's API, with types: `pip install 'tenfold[client]'`.

    async with Hub("http://127.0.0.1:8000", key) as hub:
        ada = await hub.contacts.create(NewContact(person=NewPerson(email="ada@engines.example")))
        async for contact in hub.contacts.list(filter={"status": "active"}, expand=["person"]):
            ...

It needs httpx and msgspec, and nothing of the server.
"""

from tenfold_hub.client.errors import (
    Fault,
    HubError,
    Problem,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    UnsignedError,
    WaitedError,
)
from tenfold_hub.client.exchange import Refused
from tenfold_hub.client.hub import Hub
from tenfold_hub.client.lists import Page, Pages, Result
from tenfold_hub.client.schema import *  # noqa: F403 # all that the API shows and takes
from tenfold_hub.client.schema import __all__ as _schema
from tenfold_hub.client.sending import Patience
from tenfold_hub.client.shapes import NotShownError, Thing
from tenfold_hub.client.signing import Event, Verifier
from tenfold_hub.client.things import Edit, Named

__all__ = [
    "Edit",
    "Event",
    "Fault",
    "Hub",
    "HubError",
    "Named",
    "NotShownError",
    "Page",
    "Pages",
    "Patience",
    "Problem",
    "ProblemError",
    "Refused",
    "Result",
    "Thing",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnsignedError",
    "Verifier",
    "WaitedError",
    *_schema,
]
