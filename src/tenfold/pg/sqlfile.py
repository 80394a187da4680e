"""Loads query text from `.sql` files: named blocks, each with a one-line description.

    -- name: relations
    -- Tables, partitioned tables, views.
    SELECT ...;

A block may hold alternatives for servers with and without a capability of `tenfold.pg.capabilities`:
`/*if last_scan*/ x.last_scan /*else*/ NULL /*end*/`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import LiteralString, NamedTuple

from tenfold.errors import UsageError
from tenfold.pg.capabilities import CAPABILITIES, Capabilities

_BLOCK = re.compile(r"^-- *name:(.*)$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CHOICE = re.compile(r"/\*if (\w+)\*/(.*?)(?:/\*else\*/(.*?))?/\*end\*/", re.DOTALL)


class Query(NamedTuple):
    """One named block. Its text comes from a file of this package, hence a `LiteralString`."""

    name: str
    description: str
    text: LiteralString

    def text_for(self, capabilities: Capabilities) -> LiteralString:
        """The text with each alternative decided."""

        def decide(match: re.Match[str]) -> str:
            name, yes, no = match.groups()
            return yes if capabilities.has(name) else no or ""

        return _CHOICE.sub(decide, self.text)

    @property
    def asks(self) -> frozenset[str]:
        """Names of the capabilities that it depends on."""
        return frozenset(match.group(1) for match in _CHOICE.finditer(self.text))


@cache
def load_queries(package: str, folder: str = "sql") -> dict[str, Query]:
    """All named blocks of all `.sql` files in a folder of a package, by name; a name may occur once."""
    queries: dict[str, Query] = {}
    for file in sorted(files(package).joinpath(folder).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for query in _blocks(file):
                if query.name in queries:
                    raise ValueError(f"{file.name}: the name {query.name!r} is taken already")
                queries[query.name] = query
    return queries


def parse_blocks(text: str) -> list[Query]:
    """The named blocks of a file's text, in order; without a trailing semicolon.

    Raises ValueError where a statement has no name or a name no statement, or a name occurs twice.
    """
    head, *parts = _BLOCK.split(text)
    if _COMMENT.sub("", head).strip():
        raise ValueError("a statement is not named; put a line `-- name: NAME` above each")
    blocks: dict[str, Query] = {}
    for name, body in zip(map(str.strip, parts[::2]), parts[1::2], strict=True):
        lines = body.strip().splitlines()
        comment = []
        while lines and lines[0].startswith("--"):
            comment.append(lines.pop(0).removeprefix("--").strip())
        sql = "\n".join(lines).strip().rstrip(";").rstrip()
        if not name:
            raise ValueError("a line `-- name:` names nothing")
        if name in blocks:
            raise ValueError(f"the name {name!r} is taken already")
        if not _COMMENT.sub("", sql).strip():
            raise ValueError(f"{name!r} names no statement")
        blocks[name] = Query(name, " ".join(comment), sql)
    return list(blocks.values())


def read_blocks(file: Path, *, single: bool = False) -> list[Query]:
    """The named blocks of a user's file; with `single`, also one statement, under the file's name.

    Raises UsageError where the file cannot be read or names no statement.
    """
    try:
        content = file.read_text(encoding="utf-8-sig")
        if single and not _BLOCK.search(content):
            return [Query(file.stem, "", content.strip().rstrip(";").rstrip())]
        blocks = parse_blocks(content)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} cannot be read: it is not UTF-8 text") from error
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    if not blocks:
        raise UsageError(f"{file} has no query; put a line `-- name: NAME` above each")
    return blocks


def _blocks(file: Traversable) -> list[Query]:
    try:
        queries = parse_blocks(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error
    for query in queries:
        unknown = query.asks - CAPABILITIES.keys()
        if unknown:
            raise ValueError(f"{file.name}: {query.name} asks for unknown capabilities {sorted(unknown)}")
    return queries
