"""A read model as it is declared: its query, its tenant column, its key, and how old it may grow.

    CUSTOMERS = ReadModel(
        name="customer_summary",
        query="SELECT organization_id, person_id, sum(total) AS spent FROM orders GROUP BY 1, 2",
        tenant_column="organization_id",
        key=("organization_id", "person_id"),
    )

The rows of all tenants lie in a materialized view in a schema of their own, which only its owner reads. What
the application reads is a view before it, under the name of the model, that shows the tenant's rows alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec

from tenfold.errors import UsageError
from tenfold.runtime.quote import quoted_name
from tenfold.runtime.read_models.install import Names, drop_statements, install_statements
from tenfold.runtime.read_models.schedule import SHORTEST
from tenfold.runtime.session import Session

# Words of letters, digits and underscores: they stay what they are in literals, quoted names and patterns.
_NAME = re.compile(r"[^\W\d]\w*\Z")
#: Bytes of a model's name: with the marks of its definition and an index behind it, it is 63 bytes long.
_LONGEST_NAME = 43
_LONGEST_COLUMN = 63
_MOST_INDEXES = 99
#: Part of every definition: raise it when the statements that install one come to mean something else.
_LAYOUT = 1


class ReadModel(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Declares one read model. Raises UsageError."""

    #: The view that the application reads, and its schema.
    name: str
    #: One SELECT of the rows of all tenants.
    query: str
    tenant_column: str
    #: Columns that tell rows apart, the tenant column first: what a refresh compares by, and an index.
    key: tuple[str, ...]
    #: Seconds from one refresh to the next; None: on demand only.
    every: float | None = 300.0
    schema: str = "public"
    #: Columns of further indexes. Each begins with the tenant column, which need not be repeated.
    indexes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for what, name, longest in (
            ("the name of a read model", self.name, _LONGEST_NAME),
            ("its schema", self.schema, _LONGEST_COLUMN),
            ("its tenant column", self.tenant_column, _LONGEST_COLUMN),
        ):
            _require_name(what, name, longest)
        if self.every is not None and not SHORTEST <= self.every < float("inf"):
            raise UsageError(f"{self.name}: every is {SHORTEST:g} s at least, or None for on demand only")
        _require_columns(f"{self.name}: the key", self.key)
        if self.key[0] != self.tenant_column:
            raise UsageError(
                f"{self.name}: the key begins with the tenant column {self.tenant_column}: keys are unique"
                " within a tenant, and this index serves the tenant's view"
            )
        if isinstance(self.indexes, str) or len(self.indexes) > _MOST_INDEXES:
            raise UsageError(f"{self.name}: indexes are tuples of columns, {_MOST_INDEXES} at most")
        for index in self.indexes:
            _require_columns(f"{self.name}: an index", index)
        _ = self.statement

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    # --- for migrations ------------------------------------------------------------------------------

    def install_sql(
        self,
        *,
        readers: Sequence[str],
        setting: str = "app.tenant_id",
        tenant_type: type[int] | type[uuid.UUID] = int,
        with_data: bool = True,
    ) -> list[str]:
        """Statements that create it, or put it in the place of one that was declared otherwise.

        The former stays readable until the new one is filled, and is exchanged in one short statement; where
        that fails, run all of them again. `readers` are the roles that may read the view, and nothing else
        of it. Without data, readers get an error until the first refresh. Raises UsageError.
        """
        return install_statements(self.names, self.statement, readers, setting, tenant_type, with_data)

    def drop_sql(self) -> list[str]:
        """Statements that remove it. The schema of all read models stays."""
        return drop_statements(self.names)

    # --- for readers ---------------------------------------------------------------------------------

    async def freshness(self, session: Session) -> datetime | None:
        """As of when its rows are: the begin of the last refresh. None before the first.

        Readers of the model may ask, in any session; on a replica it is what the replica shows.
        """
        moment: datetime | None = await session.fetch_value(
            f"SELECT refreshed_at FROM {quoted_name(*self.names.freshness)}"
        )
        return moment

    # --- what follows from the declaration ------------------------------------------------------------

    @cached_property
    def statement(self) -> str:
        """The query without a semicolon. Raises UsageError."""
        return _one_select(self.name, self.query)

    @cached_property
    def names(self) -> Names:
        """The names of its parts; those of the stored rows change with the definition."""
        indexes = tuple(
            index if index[0] == self.tenant_column else (self.tenant_column, *index)
            for index in self.indexes
        )
        definition = [_LAYOUT, str(self), self.statement, self.tenant_column, self.key, indexes]
        family = f"{self.name}_{_digest(str(self), 3)}_"
        return Names(
            model=str(self),
            view=(self.schema, self.name),
            freshness=(self.schema, f"{self.name}_freshness"),
            family=family,
            storage=family + _digest(definition, 4),
            tenant_column=self.tenant_column,
            key=self.key,
            indexes=indexes,
        )


def _digest(value: Any, size: int) -> str:
    return blake2b(msgspec.json.encode(value), digest_size=size).hexdigest()


def _require_name(what: str, name: object, longest: int) -> None:
    if not isinstance(name, str) or not _NAME.match(name) or len(name.encode()) > longest:
        raise UsageError(f"{what} is a word of letters, digits and _, {longest} bytes at most, not {name!r}")


def _require_columns(what: str, columns: object) -> None:
    if not isinstance(columns, tuple) or not columns or len(set(columns)) < len(columns):
        raise UsageError(f"{what} is a tuple of columns, one at least and none twice")
    for column in columns:
        _require_name(f"{what}: a column", column, _LONGEST_COLUMN)


def _one_select(name: str, query: str) -> str:
    import sqlglot
    from sqlglot import TokenType
    from sqlglot.errors import TokenError

    try:
        tokens = sqlglot.tokenize(query, read="postgres")
    except TokenError:
        raise UsageError(f"{name}: the query has a quote or a comment that does not end") from None
    if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        query = query[: tokens.pop().start]
    kinds = {token.token_type for token in tokens}
    if not tokens or tokens[0].text.upper() not in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        raise UsageError(f"{name}: the query is a SELECT")
    if TokenType.SEMICOLON in kinds:
        raise UsageError(f"{name}: the query is one statement, without a semicolon in it")
    if TokenType.PARAMETER in kinds or any(token.text.lower() == "current_setting" for token in tokens):
        raise UsageError(
            f"{name}: the query reads a parameter or a setting; a read model holds the rows of all tenants,"
            " and its view picks those of one"
        )
    return query.strip()
