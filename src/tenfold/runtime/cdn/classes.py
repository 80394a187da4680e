"""How long caches may keep what a route serves, and how that is said in headers."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from tenfold.errors import UsageError

_MINUTE, _DAY, _YEAR = 60, 86_400, 31_536_000

# A UUID ends in twelve hexadecimal digits, and names a thing that may change.
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# Letters and digits both: twelve digits are a time as likely as a hash.
_HASH = re.compile(r"(?:^|[._-])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12,}(?=[._-]|$)")


class AssetClass(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table of cache headers. Times are seconds."""

    #: Caches that serve more than one user may keep it.
    public: bool = False
    #: How long a browser keeps it. Nobody can take it back from there.
    browser: int = 0
    #: How long a CDN keeps it; None is as long as a browser does.
    edge: int | None = None
    #: How long after that it may be served once more while the next one is fetched.
    stale: int = 0
    #: The name changes with the content, so a browser need not ask again. What has no hash in its name is
    #: asked for each time.
    hashed: bool = False

    def __post_init__(self) -> None:
        if min(self.browser, self.edge or 0, self.stale) < 0:
            raise UsageError("the times of an AssetClass are not less than 0 seconds")
        if not self.public and (self.browser or self.edge or self.stale or self.hashed):
            raise UsageError("an AssetClass that keeps anything is one with public=True; say so")

    def headers(self, path: str) -> Headers:
        """What says so of the file at the path."""
        if not self.public:
            return FORCED
        if self.hashed and not has_hash(path):
            return _ASKED_FOR
        return _written(self)


Headers = tuple[tuple[bytes, bytes], ...]

#: What a response must say that no shared cache may keep, to each kind of cache in its own field: one that
#: reads a field of its own does not look at Cache-Control any more (RFC 9213).
FORCED: Headers = (
    (b"cache-control", b"private, no-store"),
    (b"cdn-cache-control", b"no-store"),
    (b"surrogate-control", b"no-store"),
)
_ASKED_FOR: Headers = ((b"cache-control", b"public, no-cache"), (b"cdn-cache-control", b"no-cache"))


@lru_cache
def _written(asset: AssetClass) -> Headers:
    stale = f", stale-while-revalidate={asset.stale}" if asset.stale else ""
    edge = asset.browser if asset.edge is None else asset.edge
    shared = f", s-maxage={edge}" if edge != asset.browser else ""
    fixed = ", immutable" if asset.hashed else ""
    return (
        (b"cache-control", f"public, max-age={asset.browser}{shared}{stale}{fixed}".encode()),
        (b"cdn-cache-control", f"max-age={edge}{stale}".encode()),
    )


PRIVATE = AssetClass()

# Seed 003's table.
UPLOADED_FILE = AssetClass(public=True, browser=_YEAR, edge=_DAY, hashed=True)
LANDING_PAGE = AssetClass(public=True, browser=5 * _MINUTE, edge=_MINUTE)
TRACKING_PIXEL = PRIVATE
TEMPLATE_PREVIEW = PRIVATE
API = PRIVATE


def has_hash(path: str) -> bool:
    """Whether the last part of the path has what looks like a hash of the content: 12 hexadecimal digits.

    No name can prove it. The identifiers of some databases look the same; a UUID is known, and is none.
    """
    return _HASH.search(_UUID.sub("", path.rpartition("/")[2])) is not None
