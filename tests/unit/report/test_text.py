"""The report for a terminal fits it, whatever the names are."""

from __future__ import annotations

import re
import unicodedata

import msgspec
from rich.cells import cell_len

from tenfold.model.finding import RuleFailure
from tenfold.report import render
from tenfold.report.outline import legible
from tenfold.report.terminal import WIDTH
from tenfold.report.text import SHOWN
from tests.unit.report.conftest import HOSTILE, Report


def test_no_line_is_wider_than_the_page_nor_moves_the_cursor(sample: Report) -> None:
    for line in render("text", *sample).splitlines():
        assert cell_len(line) <= WIDTH
        assert not any(unicodedata.category(c) == "Cc" for c in line)


def test_hostile_names_are_shown(sample: Report) -> None:
    flat = " ".join(render("text", *sample).split())
    for name in HOSTILE:
        words = legible(name).replace('"', '""').split()
        assert all(word in flat for word in words), name


def test_the_most_urgent_come_first(sample: Report) -> None:
    page = render("text", *sample)
    assert page.index("\nP0 now") < page.index("\nP1 before production") < page.index("\nP2 for optimisation")


def test_a_rule_names_its_first_findings_and_counts_the_rest(crowd: Report) -> None:
    page = render("text", *crowd)
    assert len(page.splitlines()) < 100
    urgent = page[page.index("\nP0") : page.index("\nP1")]
    assert len(re.findall(r"^  - ", urgent, re.MULTILINE)) == SHOWN
    more = re.search(r"and ([\d,]+) more:", urgent)
    assert (
        more
        and int(more[1].replace(",", "")) == sum(f.priority == "P0" for f in crowd.audit.findings) - SHOWN
    )


def test_metrics_are_shown_where_one_was_measured(sample: Report) -> None:
    page = render("text", *sample)
    assert re.search(r"Dead tuple ratio +12\.0 % +< 1 % +> 5 % +alert", page)
    assert re.search(r"Query latency p99, estimated +- .+ not measured", page)
    unmeasured = msgspec.structs.replace(sample.audit, metrics=sample.audit.metrics[-1:])
    assert "Metrics" not in render("text", unmeasured, sample.snapshot)


def test_what_is_ignored_is_counted(sample: Report) -> None:
    assert "1 more ignored" in render("text", *sample)


def test_what_is_undecided_is_listed_by_reason(sample: Report) -> None:
    undecided = (RuleFailure("dead-tuples", "no rights"), RuleFailure("xid-age", "no rights"))
    audit = msgspec.structs.replace(sample.audit, undecided=undecided)
    assert "not decided, because no rights: dead-tuples, xid-age\n" in render("text", audit, sample.snapshot)


def test_an_empty_database_has_a_page(empty: Report) -> None:
    page = render("text", *empty)
    assert page.startswith("outreach on PostgreSQL 18.6, 2025-03-10 12:00 UTC\n")
    assert "0 findings: 0 P0, 0 P1, 0 P2" in page
    assert "tenfold plan" not in page


def test_without_tenancy_it_says_how_to_name_the_column(untenanted: Report) -> None:
    assert '[tenancy] columns = ["..."]' in " ".join(render("text", *untenanted).split())


def test_colour_is_only_for_terminals(sample: Report) -> None:
    assert "\x1b" not in render("text", *sample)
    assert "\x1b[1;31mP0" in render("text", *sample, coloured=True)
