"""How much of what is read is still found in memory when data has grown past it."""

from __future__ import annotations


def hit_ratio_at(hit_ratio: float, cache_bytes: float, bytes_today: float, bytes_then: float) -> float:
    """The share of pages found in memory at a later size, from today's share.

    As long as what the queries touch fits into the cache, it is today's. Past that it falls as the share that
    fits: pages alike in use are assumed, so it is a low guess where a few of them are used most. What is
    larger than the cache already today falls from today's share, which says how well the used part fits.
    """
    room = max(cache_bytes, bytes_today)
    return hit_ratio * min(1.0, room / bytes_then) if bytes_then > 0 else hit_ratio
