"""The page on what a CDN may keep, run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tenfold.runtime import Database
from tenfold.runtime.cdn import Caching, Credentials
from tenfold.runtime.cdn.classes import API, LANDING_PAGE, UPLOADED_FILE
from tests.db.runtime.adapters.asking import ask
from tests.db.runtime.pages import names_of

PAGE = "cdn-headers.md"
PRIVATE = b"private, no-store"


@pytest.mark.parametrize(
    ("path", "headers", "rule"),
    [
        ("/", {}, b"public, max-age=300, s-maxage=60"),
        ("/", {"cookie": "lang=de; consent=1"}, b"public, max-age=300, s-maxage=60"),
        ("/", {"cookie": "lang=de; sid=1"}, PRIVATE),
        ("/", {"authorization": "x"}, PRIVATE),
        ("/leads", {}, PRIVATE),
        ("/assets/none.0123456789abcdef.js", {}, PRIVATE),
        ("/robots.txt", {}, PRIVATE),
    ],
)
async def test_the_application_of_the_page_answers_as_it_says(
    path: str, headers: dict[str, str], rule: bytes
) -> None:
    app = names_of(PAGE)["app"]
    assert isinstance(app, Caching)
    assert (await ask(app, path, **headers)).headers[b"cache-control"] == rule


def test_the_other_names_of_the_page_are_what_it_says() -> None:
    page = names_of(PAGE)
    assert isinstance(page["db"], Database)
    assert page["named"].headers - Credentials().headers == {"x-team-key"}


def test_the_table_of_classes_is_theirs() -> None:
    text = (Path(__file__).parents[3] / "docs/how-to" / PAGE).read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)`.*\| `([^`]+)` \|$", text, re.MULTILINE))
    path = "/a.0123456789abcdef.js"
    for name, asset in (
        ("UPLOADED_FILE", UPLOADED_FILE),
        ("LANDING_PAGE", LANDING_PAGE),
        ("TRACKING_PIXEL", API),
    ):
        assert table[name].encode() == asset.headers(path)[0][1]
