"""The HTML report is whole, self-contained and accessible, and hostile names stay text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest

from tenfold.model.finding import Finding, Priority
from tenfold.report import render
from tenfold.report.html import SHOWN, headline
from tenfold.report.outline import legible
from tenfold.report.page import asset
from tenfold.report.table_map import DRAWN, DRAWN_OF_SCHEMA
from tests.unit.report.conftest import HOSTILE, Report

VOID = {"meta", "link", "input", "br", "hr", "img", "rect"}
#: Every element that the templates and the rules' Markdown use: another one came from the data.
ELEMENTS = set(
    """
    html head meta title style script body a header footer nav main section article p h1 h2 h3 h4 span small
    b i em strong code pre ul ol li time svg rect figure figcaption div details summary label input fieldset
    legend select option button output table thead tbody tr th td
    """.split()
)
LONGEST = 15_000_000


class Element:
    def __init__(
        self, tag: str, attributes: dict[str, str], inside: tuple[str, ...], said: list[str]
    ) -> None:
        self.tag, self.attributes, self.inside = tag, attributes, inside
        # All text of the page so far; what is said until the end tag is the element's.
        self._said, self._start, self.end = said, len(said), len(said)

    @property
    def text(self) -> str:
        return "".join(self._said[self._start : self.end])

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


class Page(HTMLParser):
    """The elements in order, each with its text; raises AssertionError where the markup is not balanced."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._said: list[str] = []
        self.feed(html)
        self.close()
        assert not [element.tag for element in self._open if element.tag != "li"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li" and self._open[-1].tag == "li":
            self._end()  # HTML leaves out the end of an item
        given = {name: value or "" for name, value in attrs}
        inside = tuple(e.attributes.get("id", e.tag) for e in self._open)
        element = Element(tag, given, inside, self._said)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1].tag == "li" != tag:
            self._end()
        assert self._end().tag == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self._said.append(data)

    def _end(self) -> Element:
        element = self._open.pop()
        element.end = len(self._said)
        return element

    def all(self, tag: str, class_: str | None = None) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and (class_ is None or class_ in e.classes)]

    def by_id(self, anchor: str) -> Element:
        (element,) = [e for e in self.elements if e.attributes.get("id") == anchor]
        return element

    def tiles(self) -> dict[str, Element]:
        """By the first line of their title: the relation."""
        tiles = [e for e in self.elements if "tile" in e.classes]
        return {tile.attributes["title"].split("\n")[0]: tile for tile in tiles}


def page_of(report: Report) -> Page:
    return Page(render("html", *report))


@pytest.fixture
def page(sample: Report) -> Page:
    return page_of(sample)


REPORTS = pytest.mark.parametrize("name", ["sample", "empty", "untenanted"])


# --- one file, safe to open ---


@REPORTS
def test_it_loads_nothing(name: str, request: pytest.FixtureRequest) -> None:
    page = page_of(request.getfixturevalue(name))
    for element in page.elements:
        assert not {"src", "srcset", "action", "background", "poster", "style"} & set(element.attributes)
        assert element.attributes.get("href", "#").startswith("#")
        assert not [attribute for attribute in element.attributes if attribute.startswith("on")]
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(|expression", style.text)


@REPORTS
def test_only_our_script_and_style_are_allowed(name: str, request: pytest.FixtureRequest) -> None:
    page = page_of(request.getfixturevalue(name))
    (policy,) = [
        e.attributes["content"]
        for e in page.all("meta")
        if e.attributes.get("http-equiv", "").startswith("C")
    ]
    assert policy.startswith("default-src 'none';")
    for tag in ("script", "style"):
        (element,) = page.all(tag)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_names_make_no_elements(page: Page) -> None:
    assert {element.tag for element in page.elements} <= ELEMENTS
    assert len(page.all("script")) == len(page.all("title")) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_they_are(name: str, page: Page) -> None:
    shown = legible(name).replace('"', '""')
    codes = {e.text for e in page.all("code") if "findings" in e.inside}
    assert codes & {shown, f'"{shown}"'}
    assert set(page.tiles()) & {shown, f'"{shown}"'}


def test_fixes_are_exact(page: Page, sample: Report) -> None:
    shown = [e.text for e in page.all("pre") if "findings" in e.inside]
    fixes = [finding.fix for finding in sample.audit.findings if finding.fix]
    assert len(shown) == len(fixes)
    for text, statements in zip(shown, fixes, strict=True):
        assert text == "\n".join(f"{statement.removesuffix(';')};" for statement in statements)


# --- what it says ---


def test_the_summary_counts_by_priority(page: Page, sample: Report) -> None:
    (counts,) = page.all("ul", "counts")
    numbers = [e.text for e in page.all("strong")]
    assert numbers == [str(sample.audit.count(priority)) for priority in Priority]
    assert all(priority in counts.text for priority in Priority)


@pytest.mark.parametrize(
    ("priorities", "said"),
    [
        ("", "Nothing to put right."),
        ("P0 P1 P2", "1 finding cannot wait."),
        ("P1 P1 P2", "2 findings to settle before production."),
        ("P2", "Nothing urgent; 1 finding for optimisation."),
    ],
)
def test_the_headline_is_the_verdict(priorities: str, said: str, empty: Report) -> None:
    findings = tuple(
        Finding(rule="pk-missing", priority=Priority(priority), object="o", message="m")
        for priority in priorities.split()
    )
    assert headline(msgspec.structs.replace(empty.audit, findings=findings)) == said


def test_every_finding_is_there_under_its_priority_and_rule(page: Page, sample: Report) -> None:
    for place, finding in enumerate(sample.audit.findings):
        item = page.by_id(f"f{place}")
        assert finding.priority.lower() in item.inside
        assert "article" in item.inside
        assert legible(finding.message).split(": ")[-1] in item.text


def test_each_rule_is_explained_once_and_linked(page: Page, sample: Report) -> None:
    rules = {finding.rule for finding in sample.audit.findings} | {
        "tenant-column-nullable",
        "table-scan-ratio",
    }
    links = {e.attributes["href"] for e in page.all("a") if e.attributes["href"].startswith("#rule-")}
    assert links == {f"#rule-{rule}" for rule in rules}
    for rule in rules:
        explanation = page.by_id(f"rule-{rule}").text
        for heading in ("What it finds", "Why it matters", "How to fix", "When to ignore"):
            assert heading in explanation


def test_many_findings_of_a_rule_are_folded(sample: Report) -> None:
    one = sample.audit.findings[0]
    for number, folds in ((SHOWN + 1, 0), (SHOWN + 2, 1)):
        many = tuple(msgspec.structs.replace(one, detail=f"{n:03}") for n in range(number))
        page = page_of(Report(msgspec.structs.replace(sample.audit, findings=many), sample.snapshot))
        assert len(page.all("details", "more")) == folds
        assert len([e for e in page.all("li") if re.fullmatch(r"f\d+", e.attributes.get("id", ""))]) == number


def test_verdicts_and_boxes_are_said_in_words(page: Page) -> None:
    assert [e.text for e in page.all("span", "verdict")] == ["met", "missed", "alert", "not measured"]
    assert [e.text for e in page.all("td", "value")] == ["99.9 %", "85.0 %", "12.0 %", "–"]
    assert [e.text for e in page.all("span", "state")] == ["not done", "done", "cannot tell", "cannot tell"]


def test_what_was_left_out_is_said_with_its_reason(page: Page) -> None:
    assert "agreed with <legal>, until | spring" in page.by_id("ignored").text
    undecided = page.by_id("undecided").text
    assert "table-scan-ratio" in undecided
    assert "sizes of 2 relations: it was locked" in " ".join(undecided.split())
    assert "statements: the role is no member of pg_read_all_stats" in " ".join(undecided.split())


def test_an_empty_database_has_a_page(empty: Report) -> None:
    page = page_of(empty)
    assert "Nothing to put right." in page.by_id("summary").text
    anchors = {e.attributes.get("id") for e in page.elements}
    assert not anchors & {"map", "metrics", "checklists", "ignored", "undecided", "rules", "filter"}


def test_without_tenancy_it_says_how_to_name_the_column(untenanted: Report) -> None:
    assert '[tenancy] columns = ["..."]' in page_of(untenanted).by_id("summary").text


# --- the map ---


def test_a_tile_has_class_priority_size_and_reason(page: Page) -> None:
    tiles = page.tiles()
    assert tiles["teams"].classes == {"tile", "tenant_table", "s1"}
    assert tiles["countries"].classes == {"tile", "shared", "s4"}
    child = tiles['"billing </script>".events']
    assert child.classes == {"tile", "child", "s2", "p1"}
    assert "it has the column team_id" in child.attributes["title"]
    assert "P1 tenant-index-missing" in child.attributes["title"]
    assert tiles["everything"].classes == {"tile", "other", "s1", "p2"}


def test_a_partitions_size_and_findings_are_its_roots(page: Page) -> None:
    tiles = page.tiles()
    assert "logs_2025" not in tiles
    assert tiles["logs"].classes == {"tile", "tenant", "s3", "p0"}
    assert "7,000,000 rows, 5.0 GB" in tiles["logs"].attributes["title"]


def test_a_tile_leads_to_its_most_urgent_finding(page: Page, sample: Report) -> None:
    links = {name: tile.attributes.get("href") for name, tile in page.tiles().items()}
    first = next(n for n, f in enumerate(sample.audit.findings) if f.object == "logs_2025")
    assert links["logs"] == f"#f{first}"
    assert links["teams"] is None


def test_the_most_urgent_schema_and_table_come_first(page: Page) -> None:
    schemas = [e.text for e in page.all("h3") if "map" in e.inside]
    assert schemas == ["public", "billing </script>"]
    priorities = [min(t.classes & {"p0", "p1", "p2"}, default="p9") for t in page.tiles().values()]
    public = priorities[:-1]
    assert public == sorted(public)


def test_ten_thousand_tables_and_findings_make_a_page_of_reasonable_size(crowd: Report) -> None:
    html = render("html", *crowd)
    assert len(html.encode()) < LONGEST
    page = Page(html)
    assert len([e for e in page.all("li") if re.fullmatch(r"f\d+", e.attributes.get("id", ""))]) == 10_000
    tiles = page.tiles()
    assert len(tiles) == min(DRAWN, 3 * DRAWN_OF_SCHEMA)
    left = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) more tables not drawn", html)]
    assert len(tiles) + sum(left) == 10_000
    assert Counter(min(t.classes & {"p0", "p1", "p2"}) for t in tiles.values()).most_common(1)[0][0] == "p0"


# --- for everyone ---


@REPORTS
def test_headings_are_in_order(name: str, request: pytest.FixtureRequest) -> None:
    levels = [
        int(e.tag[1]) for e in page_of(request.getfixturevalue(name)).elements if re.match(r"h\d", e.tag)
    ]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@REPORTS
def test_landmarks_anchors_and_labels_resolve(name: str, request: pytest.FixtureRequest) -> None:
    page = page_of(request.getfixturevalue(name))
    assert len(page.all("main")) == len(page.all("nav")) == 1
    anchors = Counter(e.attributes["id"] for e in page.elements if "id" in e.attributes)
    assert set(anchors.values()) == {1}
    for element in page.elements:
        for attribute in ("href", "aria-labelledby"):
            target = element.attributes.get(attribute, "").removeprefix("#")
            assert not target or target in anchors, f"{attribute}={target}"


def test_colours_have_the_contrast_of_wcag_aa() -> None:
    """4.5 to 1 for text (success criterion 1.4.3), in both schemes."""
    for colours in schemes():
        grounds = ("paper", "panel", "sunk")
        pairs = [(text, on) for text in ("ink", "soft", "link") for on in grounds]
        pairs += [(text, on) for text in ("good", "bad", "warn", "p0", "p1", "p2") for on in grounds[:2]]
        pairs += [(text, f"p{n}-tint") for n in (0, 1, 2) for text in ("ink", "soft", "link", f"p{n}")]
        pairs += [
            (text, on)
            for text in ("ink", "p0", "p1", "p2")
            for on in ("tenant", "child", "root", "shared", "other")
        ]
        pairs += [("on", on) for on in ("p0", "p1", "p2", "good")]
        poor = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
        assert not {pair: ratio for pair, ratio in poor.items() if ratio < 4.5}


def schemes() -> list[dict[str, str]]:
    """The colours of the light and the dark scheme, by name."""
    style = str(asset("report.css"))
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style[start:end]))
        for start, end in (
            (style.index(":root"), style.index("@media screen and (prefers-color-scheme: dark)")),
            (style.index("@media screen and (prefers-color-scheme: dark)"), style.index("* { box-sizing")),
        )
    )
    assert set(light) == set(dark)
    return [light, dark]


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, relative luminance and contrast ratio."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_is_hidden_without_the_script_but_what_needs_it(page: Page) -> None:
    hidden = {e.attributes.get("id") for e in page.elements if "hidden" in e.attributes}
    assert hidden == {"filter", "table", "readout"}
