"""What a database would be at another size: pure arithmetic from one Snapshot to another."""

from __future__ import annotations

from tenfold.growth.grow import grow
from tenfold.growth.index_size import IndexSize, as_built, btree_height, index_pages, index_sizes
from tenfold.growth.scale import by_table, uniform

__all__ = [
    "IndexSize",
    "as_built",
    "btree_height",
    "by_table",
    "grow",
    "index_pages",
    "index_sizes",
    "uniform",
]
