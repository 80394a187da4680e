"""A two-level cache that keeps tenants apart and never brings an old value back."""

from __future__ import annotations

from tenfold.runtime.cache.cache import Cache
from tenfold.runtime.cache.codec import Codec, EncryptingCodec, MsgspecCodec
from tenfold.runtime.cache.invalidation import AfterCommit, Invalidation
from tenfold.runtime.cache.keyspace import MISSING, Keyspace
from tenfold.runtime.cache.namespaces import Namespace, preset
from tenfold.runtime.cache.patterns import Cached
from tenfold.runtime.cache.statistics import Statistics

__all__ = [
    "MISSING",
    "AfterCommit",
    "Cache",
    "Cached",
    "Codec",
    "EncryptingCodec",
    "Invalidation",
    "Keyspace",
    "MsgspecCodec",
    "Namespace",
    "Statistics",
    "preset",
]
