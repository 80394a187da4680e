"""A source as libpq takes it, checked before anything is sent; and no message repeats a password.

What people paste is a URL of their application's: a SQLAlchemy driver suffix and the parameters of an ORM are
taken off. A password whose special characters are not percent-encoded moves into the host or the port; it is
told from a wrong host here, since the driver would quote it.
"""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tenfold.errors import SourceError

# Prisma's, and those of SQLAlchemy's asyncpg dialect: they are of the client's pool and cache.
_ORM_PARAMETERS = frozenset(
    """
    schema pgbouncer connection_limit pool_timeout socket_timeout statement_cache_size
    prepared_statement_cache_size prepared_statement_name_func async_fallback
    """.split()
)
_ENCODE = "in a password, write %40 for @, %2F for /, %3A for :, %25 for %"
_WANTED = "give postgresql://..., service=... or a file"


def normalise(source: str) -> str:
    """The source without what only an application's framework understands."""
    bare = re.sub(r"^postgres(?:ql)?\+\w+://", "postgresql://", source.strip(), flags=re.IGNORECASE)
    if "://" not in bare or "?" not in bare:
        return bare
    address, _, query = bare.rpartition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0] not in _ORM_PARAMETERS]
    return address + ("?" if kept else "") + "&".join(kept)


def check(conninfo: str) -> dict[str, str]:
    """Its parameters by libpq's names. Raises SourceError on what is no DSN, without quoting a password."""
    scheme, separator, _ = conninfo.partition("://")
    if separator and re.fullmatch(r"[\w.+-]+", scheme) and scheme not in ("postgres", "postgresql"):
        raise SourceError(f"{scheme}:// is no PostgreSQL address; {_WANTED}")
    try:
        said = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise SourceError(f"the source is not a DSN: {_discreet(error, conninfo)}; {_WANTED}") from error
    except UnicodeError as error:
        raise SourceError(f"the source holds bytes that are no text; {_WANTED}") from error
    misplaced = "@" in said.get("host", "")[1:] or not re.fullmatch(r"[\d,]*", said.get("port", ""))
    if misplaced:
        raise SourceError(f"the source's host or port cannot be right; {_ENCODE}")
    return said


def _discreet(error: psycopg.Error, conninfo: str) -> str:
    """What libpq says, without its quotations where they may be of a password."""
    said = str(error).strip().splitlines()[0]
    if not re.search(r"passw|://[^/]*:[^/]*@", conninfo):
        return said
    return re.sub(r'"[^"]*"', '"..."', said) + f" ({_ENCODE})" * ("://" in conninfo)
