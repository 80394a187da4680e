"""What the runtime needs of a driver: a connection that asks, and somebody who makes one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol


class Row(Protocol):
    """One row: by position, by name, and as a sequence of values."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __len__(self) -> int: ...
    def keys(self) -> Any: ...


class Connection(Protocol):
    """One connection to a server. Parameters are `$1, $2, ...`. Errors of the server are the driver's own."""

    #: By the pool's clock, and set by it: when it was made, and when it last came back, None before.
    made: float
    idle_since: float | None

    async def script(self, statements: str) -> str:
        """Statements without parameters, as one message; the tag of the last one, such as `COMMIT`."""
        ...

    async def fetch(self, statement: str, parameters: Sequence[object]) -> Sequence[Row]: ...

    async def execute(self, statement: str, parameters: Sequence[object]) -> int:
        """The number of rows it touched."""
        ...

    async def copy_records(
        self, table: tuple[str, ...], columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Sends the rows by COPY into the table, named by its parts; the number of rows written."""
        ...

    def listen(self, channel: str) -> AsyncIterator[str | None]:
        """None once it listens, then the payload of each notification, until the connection is lost.

        For a connection that does nothing else from then on. How it ends is the driver's own.
        """
        ...

    @property
    def usable(self) -> bool:
        """Open, outside of a transaction, with nothing under way: fit for the next who asks."""
        ...

    @property
    def lost(self) -> bool:
        """The connection is known to be gone."""
        ...

    def terminate(self) -> None:
        """Closes it at once, whatever is under way; a second time does nothing."""
        ...


class Connector(Protocol):
    #: The server as logs may show it: without user and password.
    name: str

    async def connect(self) -> Connection:
        """Raises DatabaseUnavailableError."""
        ...
