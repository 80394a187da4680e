"""One migration: the statements of a file, and the policies of its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import resources

from tenfold.runtime import quoted_name
from tenfold_hub.migrations.table import COMMON, isolated
from tenfold_hub.roles import Roles

_BLOCK = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Step:
    def __init__(self, execute: Callable[[str], object], roles: Roles) -> None:
        self.execute, self.roles = execute, roles

    def schema(self, file: str, name: str) -> None:
        """Runs the block of this name, which creates the schema, and opens it to the application."""
        self.run(file, name)
        self.execute(f"GRANT USAGE ON SCHEMA {quoted_name(name)} TO {quoted_name(self.roles.application)}")

    def run(self, file: str, block: str) -> None:
        """Runs a block of `file.sql` of this package."""
        found = _BLOCK.split((resources.files(__package__) / f"{file}.sql").read_text())
        blocks = dict(zip(found[1::2], found[2::2], strict=True))
        # The driver takes a single % for a parameter's place.
        self.execute(blocks[block].replace("{common}", COMMON.strip()).replace("%", "%%"))

    def isolate(
        self,
        schema: str,
        tables: Iterable[str],
        *,
        column: str = "organization_id",
        rights: str = "SELECT, INSERT, UPDATE, DELETE",
    ) -> None:
        for statement in isolated(schema, tables, self.roles.application, column=column, rights=rights):
            self.execute(statement)
