"""A star of TPC-H: its schema, its rows at any scale, and its 22 queries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from tenfold.errors import SourceError
from tenfold.model.activity import Statement
from tenfold.pg.connect import Connection, execute_script
from tenfold.pg.copy import bulk_transaction, copy_csv
from tenfold.pg.sqlfile import parse_blocks

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
#: The generator, of the package `tpchgen-cli`.
GENERATOR = "tpchgen-cli"
_MINUTES = 10


def star_queries() -> tuple[Statement, ...]:
    return tuple(Statement(text=block.text, name=block.name) for block in parse_blocks(_text("queries.sql")))


def load_star(connection: Connection, scale: float) -> None:
    """Makes the tables and fills them; scale 1 is a gigabyte of text. Statistics are fresh afterwards.

    Raises SourceError where the generator is not installed.
    """
    execute_script(connection, _text("schema.sql"))
    with TemporaryDirectory() as folder:
        _generate(Path(folder), scale)
        with bulk_transaction(connection):
            for table in TABLES:
                copy_csv(connection, "public", table, Path(folder) / f"{table}.csv")
    execute_script(connection, _text("keys.sql"))
    for statement in ("VACUUM (FREEZE)", "VACUUM (ANALYZE)"):
        execute_script(connection, statement)


def _generate(folder: Path, scale: float) -> None:
    program = shutil.which(GENERATOR, path=str(Path(sys.executable).parent)) or shutil.which(GENERATOR)
    if program is None:
        raise SourceError(f"{GENERATOR} is not installed; install it with: pip install 'tenfold[dev]'")
    subprocess.run(
        [program, "csv", "-s", f"{scale:g}", "--output-dir", str(folder)],
        check=True,
        capture_output=True,
        timeout=_MINUTES * 60,
    )


def _text(name: str) -> str:
    return files("tenfold.bench").joinpath("tpch", name).read_text(encoding="utf-8")
