"""Keyset pages that skip no row and show none twice, at a price that does not grow with depth.

order = Order(desc("created_at", nullable=False), key="id")
leads = Query("SELECT id, name, created_at FROM leads WHERE team_id = $1", session.tenant)
first = await page(session, leads, order, 50, cursors=cursors)
second = await page(session, leads, order, 50, first.next, cursors=cursors)
"""

from __future__ import annotations

from tenfold.runtime.paging.cursor import Cursors
from tenfold.runtime.paging.export import export
from tenfold.runtime.paging.index_check import IndexReport, index_serves
from tenfold.runtime.paging.keyset import Position, Query
from tenfold.runtime.paging.offset import OffsetPage, offset_page
from tenfold.runtime.paging.order import Order, asc, desc
from tenfold.runtime.paging.page import Page, page

__all__ = [
    "Cursors",
    "IndexReport",
    "OffsetPage",
    "Order",
    "Page",
    "Position",
    "Query",
    "asc",
    "desc",
    "export",
    "index_serves",
    "offset_page",
    "page",
]
