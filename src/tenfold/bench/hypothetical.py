"""What the extension hypopg says an index would take, beside what the same index takes: a yardstick.

It goes by rows and widths alone, and knows B-trees, BRIN and hash (hypo_estimate_index, hypopg_index.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tenfold.bench.likeness import Pages
from tenfold.model.ddl import identifier
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, execute_script, translate_errors

#: Where Debian puts PostgreSQL 15, which its package postgresql-15-hypopg is for.
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
_BLOCK = 8192
_METHODS = ("btree", "brin", "hash")


def has_hypopg(connection: Connection) -> bool:
    with translate_errors():
        return bool(
            connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'").fetchone()
        )


def rebuilt_pages(connection: Connection, snapshot: Snapshot) -> list[Pages]:
    """Of each index with storage, once all are built anew; in the place of a prediction stand these too."""
    with translate_errors():
        connection.execute(f"REINDEX DATABASE {identifier(snapshot.database.name)}".encode())
        rows = connection.execute(
            "SELECT indexrelid::bigint, pg_relation_size(indexrelid) FROM pg_index WHERE indisvalid"
        ).fetchall()
    pages = {oid: size // _BLOCK for oid, size in rows}
    return [
        Pages(index.name, index.method, pages[index.oid], pages[index.oid])
        for index in snapshot.indexes
        if index.oid in pages and snapshot.relation_by_oid[index.relation].kind != "p"
    ]


def hypothetical_pages(connection: Connection, snapshot: Snapshot, real: Iterable[Pages]) -> Iterator[Pages]:
    """What the extension says of those that it can make: by method, and without expressions."""
    execute_script(connection, "CREATE EXTENSION IF NOT EXISTS hypopg")
    oids = {index.name: index.oid for index in snapshot.indexes if all(index.columns)}
    for entry in real:
        if entry.method not in _METHODS or entry.name not in oids:
            continue
        with translate_errors():
            row = connection.execute(
                "SELECT hypopg_relation_size(indexrelid) FROM hypopg_create_index(pg_get_indexdef(%s::oid))",
                (oids[entry.name],),
            ).fetchone()
            connection.execute("SELECT hypopg_reset()")
        assert row is not None
        yield msgspec.structs.replace(entry, predicted=row[0] // _BLOCK)
