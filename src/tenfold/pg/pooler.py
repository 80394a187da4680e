"""Tells a pooler that lends one server connection to many clients, as PgBouncer does by transaction.

What a session sets there stays on a connection of the application's: a `search_path` or a read-only default
left behind is an outage. So a session that has to set something asks here first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

_Connection = psycopg.Connection[tuple[Any, ...]]

#: Whose turn it is to ask for its server process. Last in, first out, both get the same one; taken in turn,
#: somebody's changes.
_TURNS = (0, 1, 1, 0, 0, 1, 0, 1)


def is_shared(connection: _Connection, another: Callable[[], _Connection]) -> bool:
    """Whether sessions do not keep their server process. Sets nothing; `another` opens a second session.

    The process that the protocol names is the real one where nothing stands between; a pooler or a proxy
    invents it. Only then two sessions ask in turn which process serves them.
    """
    first = _server_process(connection)
    if first == connection.info.backend_pid:
        return False
    with another() as other:
        sessions = (connection, other)
        found: tuple[set[int], set[int]] = ({first}, set())
        for turn in _TURNS:
            found[turn].add(_server_process(sessions[turn]))
        return any(len(processes) > 1 for processes in found) or found[0] == found[1]


def _server_process(connection: _Connection) -> int:
    row = connection.execute("SELECT pg_backend_pid() /* tenfold */").fetchone()
    assert row is not None
    return int(row[0])
