"""Composes SQL text in pure code: quoted identifiers, quoted literals, qualified names.

The rules are those of the server's own `quote_ident` and `quote_literal`, with one difference: a word that
any server from 13 to 18 reserves in any way is quoted for all, so that no text depends on its keywords.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_BARE = re.compile(r"[a-z_][a-z0-9_$]*\Z")

#: Most bytes an identifier may have: NAMEDATALEN - 1 of a standard build.
IDENTIFIER_BYTES = 63

# Every keyword that PostgreSQL 13 to 18 treats as other than unreserved (pg_get_keywords(), catcode <> 'U'),
# and the few unreserved ones that people quote by habit.
_KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
    interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value lateral leading least left like limit
    localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary real
    references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()
)


@lru_cache(maxsize=65_536)
def identifier(name: str) -> str:
    """The name as SQL text: bare where that is safe, else in double quotes."""
    if _BARE.match(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=65_536)
def qualified(*names: str) -> str:
    """A dotted name of quoted parts: `qualified("app", "User")` is `app."User"`."""
    return ".".join(identifier(name) for name in names)


def literal(value: str) -> str:
    """The text as a string literal that means the same under any `standard_conforming_strings`."""
    quoted = "'" + value.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def array(items: Iterable[str]) -> str:
    """The text form of a text array: `{"a","b \\"c\\""}`."""
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"


def dollar_quoted(body: str) -> str:
    """The text between dollar quotes whose tag does not occur in it: for the bodies of functions."""
    number = 0
    while (tag := f"$body{number or ''}$") in body + "$":
        number += 1
    return f"{tag}{body}{tag}"


def names(columns: tuple[str, ...] | list[str]) -> str:
    """Column names as a list for parentheses: `team_id, "order"`."""
    return ", ".join(identifier(column) for column in columns)


def fit(name: str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """The name cut to what an identifier can hold, numbered where it is taken already.

    Cuts whole characters, never inside one, so that the server does not cut again.
    """
    number = 0
    while True:
        suffix = f"_{number}" if number else ""
        room = IDENTIFIER_BYTES - len(suffix)
        candidate = name.encode()[:room].decode(errors="ignore") + suffix
        if candidate not in taken:
            return candidate
        number += 1
