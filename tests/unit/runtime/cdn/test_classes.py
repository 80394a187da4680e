"""Classes say how long; the preset is the seed's table where that is safe."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.cdn import (
    API,
    LANDING_PAGE,
    TEMPLATE_PREVIEW,
    TRACKING_PIXEL,
    UPLOADED_FILE,
    AssetClass,
)
from tenfold.runtime.cdn.classes import has_hash


@pytest.mark.parametrize(
    ("asset", "browser", "cdn"),
    [
        (UPLOADED_FILE, "public, max-age=31536000, s-maxage=86400, immutable", "max-age=86400"),
        (LANDING_PAGE, "public, max-age=300, s-maxage=60", "max-age=60"),
        (TRACKING_PIXEL, "private, no-store", "no-store"),
        (TEMPLATE_PREVIEW, "private, no-store", "no-store"),
        (API, "private, no-store", "no-store"),
        (AssetClass(public=True, browser=5), "public, max-age=5", "max-age=5"),
        (
            AssetClass(public=True, browser=5, edge=60, stale=30),
            "public, max-age=5, s-maxage=60, stale-while-revalidate=30",
            "max-age=60, stale-while-revalidate=30",
        ),
    ],
)
def test_a_class_is_said_to_browsers_and_to_cdns(asset: AssetClass, browser: str, cdn: str) -> None:
    found = dict(asset.headers("/a.0123456789ab.js"))
    assert found[b"cache-control"] == browser.encode()
    assert found[b"cdn-cache-control"] == cdn.encode()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/assets/app.3f2a9c81d04e.js", True),
        ("/assets/3f2a9c81d04e5b6a7f8091a2b3c4d5e6", True),
        ("/assets/app-3f2a9c81d04e.min.js", True),
        ("/assets/index.html", False),
        ("/assets/app.3f2a9c8.js", False),
        ("/assets/report-202401151230.pdf", False),
        ("/assets/facadefacade.js", False),
        ("/3f2a9c81d04e/index.html", False),
        ("/assets/550e8400-e29b-41d4-a716-44665544000a.png", False),
        ("/assets/550e8400-e29b-41d4-a716-44665544000a.3f2a9c81d04e.png", True),
        ("/assets/x3f2a9c81d04e.js", False),
        ("/", False),
    ],
)
def test_a_hash_in_a_name_is_told_from_numbers_words_and_uuids(path: str, found: bool) -> None:
    assert has_hash(path) is found


@pytest.mark.parametrize(
    "faulty",
    [
        {"browser": 60},
        {"edge": 60},
        {"stale": 60},
        {"hashed": True},
        {"public": True, "browser": -1},
        {"public": True, "edge": -1},
        {"public": True, "stale": -1},
    ],
)
def test_a_class_that_contradicts_itself_is_refused(faulty: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="AssetClass"):
        AssetClass(**faulty)
