"""Runs a package's named queries inside one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tenfold.pg.connect import Connection, capabilities, translate_errors, translated
from tenfold.pg.sqlfile import load_queries

Rows = list[tuple[Any, ...]]

#: Marks our own statements, so that pg_stat_statements shows whose they are. At the end: a comment before the
#: first word is cut off.
MARK: LiteralString = " /* tenfold */"


class CatalogSession:
    """Named queries on one connection, the alternatives decided for its server."""

    def __init__(
        self, connection: Connection, package: str, progress: Callable[[str], None] | None = None
    ) -> None:
        self._connection = connection
        self._queries = load_queries(package)
        self._capabilities = capabilities(connection)
        self._progress = progress

    def rows(self, name: str, parameters: Mapping[str, Any] | None = None) -> Rows:
        """All rows of a named query."""
        if self._progress is not None:
            self._progress(name)
        text = self._queries[name].text_for(self._capabilities) + MARK
        wanted = parameters if parameters and "%(" in text else None
        with translate_errors():
            return self._connection.execute(text, wanted).fetchall()

    def optional_rows(self, name: str, names: Mapping[str, tuple[str, ...]] | None = None) -> Rows | str:
        """All rows, or the reason, in the server's words, why this role may not have them.

        `names` fills the placeholders of qualified names. A refusal does not end the transaction.
        """
        if self._progress is not None:
            self._progress(name)
        query = sql.SQL(self._queries[name].text_for(self._capabilities) + MARK).format(
            **{key: sql.Identifier(*parts) for key, parts in (names or {}).items()}
        )
        self._connection.execute("SAVEPOINT optional_rows")
        try:
            rows = self._connection.execute(query).fetchall()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState) as error:
            self._connection.execute("ROLLBACK TO SAVEPOINT optional_rows")
            return error.diag.message_primary or type(error).__name__
        except psycopg.Error as error:
            raise translated(error) from error
        self._connection.execute("RELEASE SAVEPOINT optional_rows")
        return rows
