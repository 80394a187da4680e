"""The example database that Tenfold ships: where its files are, and how it is loaded and filled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tenfold
from tenfold.bench.fill import Filled, fill
from tenfold.bench.fill_spec import read_fill_spec
from tenfold.catalog.reader import read_snapshot
from tenfold.errors import SourceError
from tenfold.model.ddl import identifier
from tenfold.pg.connect import Connection, execute_script


def example_folder(name: str = "outreach") -> Path:
    """The example's folder: inside an installed package, or of the checkout that this runs from."""
    package = Path(tenfold.__file__).parent
    for folder in (package / "examples" / name, package.parents[1] / "examples" / name):
        if (folder / "schema.sql").is_file():
            return folder
    raise SourceError(f"the example {name} is not in this installation; install Tenfold again")


def load_and_fill(
    connection: Connection,
    folder: Path,
    role: str,
    *,
    tenants: int | None = None,
    scale: float = 1.0,
    progress: Callable[[str, int], None] | None = None,
) -> Filled:
    """Loads the schema, fills it, and lets an application role work on it, as its team had it.

    `progress` is told each table's name and rows.
    """
    execute_script(connection, (folder / "schema.sql").read_text(encoding="utf-8"))
    execute_script(connection, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    spec = read_fill_spec(folder / "fill.toml")
    filled = fill(
        connection,
        read_snapshot(connection),
        spec,
        tenants=tenants,
        scale=scale,
        progress=None if progress is None else lambda table: progress(table.relation.name, len(table.lines)),
    )
    execute_script(
        connection,
        f"CREATE ROLE {identifier(role)} LOGIN;"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {identifier(role)};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {identifier(role)};",
    )
    return filled
