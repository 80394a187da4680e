"""The Markdown report reads the same when rendered, whatever the names are, and fits a comment."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tenfold.report import render
from tenfold.report.markdown import LONGEST, code, fence, prose, table
from tenfold.report.outline import legible
from tests.unit.report.conftest import HOSTILE, Report

DIALECT = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def inline(markdown: str) -> list[Token]:
    (paragraph,) = [token for token in DIALECT.parse(f"It is {markdown} here") if token.type == "inline"]
    return paragraph.children or []


def all_tokens(page: str) -> list[Token]:
    return [inner for token in DIALECT.parse(page) for inner in (token, *(token.children or ()))]


def squeezed(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


@given(st.text(alphabet=st.one_of(st.sampled_from("\\`*_{}[]()<>#+-.!|~&$:@/ waW0"), st.characters())))
def test_prose_is_never_markup(text: str) -> None:
    tokens = inline(prose(text))
    assert {token.type for token in tokens} <= {"text", "text_special"}
    said = "".join(token.content for token in tokens)
    assert squeezed(said) == squeezed(f"It is {legible(text)} here")


@given(st.text(alphabet=st.one_of(st.sampled_from("\\|x@"), st.characters())))
def test_prose_stays_in_its_cell(text: str) -> None:
    cells = [t for t in DIALECT.parse(table(("a", "b"), [(f"x{prose(text)}x", "end")])) if t.type == "inline"]
    assert len(cells) == 4
    said = "".join(token.content for token in cells[2].children or ())
    assert squeezed(said) == squeezed(f"x{legible(text)}x")


@given(st.text(alphabet=st.one_of(st.sampled_from("` x\\"), st.characters()), min_size=1))
def test_code_is_one_span(text: str) -> None:
    spans = [token for token in inline(code(text)) if token.type != "text"]
    assert [span.type for span in spans] == ["code_inline"]
    assert spans[0].content.strip() == legible(text).strip()


@given(st.text(alphabet=st.sampled_from("`~ \nx")))
def test_a_fence_holds_its_sql_exactly(sql: str) -> None:
    (block,) = DIALECT.parse(fence(sql))
    assert block.type == "fence"
    assert block.info == "sql"
    assert block.content == f"{sql}\n"


@pytest.mark.parametrize("text", ["@team", "see #12", "a@b.example", "www.e.vil", "http://e.vil", ":tada:"])
def test_nothing_notifies_links_or_becomes_a_picture(text: str) -> None:
    """GitHub does these outside of the Markdown standard, on the text as it is written."""
    written = prose(text)
    assert not re.search(r"@\w|#\d|www\.|://|:\w+:", written)


def test_ordinary_prose_stays_as_it_is() -> None:
    sentence = "leads has no index on team_id (of 5,400 rows): 99.9 % of them - see section 2!"
    assert prose(sentence) == sentence


def test_hostile_names_do_no_harm(sample: Report) -> None:
    tokens = all_tokens(render("markdown", *sample))
    assert not [t for t in tokens if t.type in ("link_open", "image", "html_inline", "s_open", "em_open")]
    folds = {"<details>", "</details>"}
    for block in (token for token in tokens if token.type == "html_block"):
        assert re.sub(r"<summary>[\w ,:]+</summary>", "", block.content).strip() in folds
    spans = {token.content.strip() for token in tokens if token.type == "code_inline"}
    for name in HOSTILE:
        escaped = legible(name).replace('"', '""')
        assert any(span in (escaped, f'"{escaped}"') for span in spans), name


def test_fixes_are_in_folded_blocks_exactly(sample: Report) -> None:
    blocks = "".join(
        token.content for token in all_tokens(render("markdown", *sample)) if token.type == "fence"
    )
    for finding in sample.audit.findings:
        for statement in finding.fix or ():
            assert statement in blocks


def test_checklists_are_task_lists(sample: Report) -> None:
    page = render("markdown", *sample)
    assert "- [ ] **Tenant columns have indexes**: 1 of 9 tables" in page
    assert "- [x] **pg_stat_statements enabled**: 12 statements | recorded" in page
    assert "- [ ] **Backup strategy verified** (cannot tell): no \\<trace\\> here" in page


def test_metrics_are_a_table_of_whole_rows(sample: Report) -> None:
    page = render("markdown", *sample)
    rows = re.findall(r"^\| (?:Index|Connections|Dead|Query).*$", page, re.MULTILINE)
    assert len(rows) == len(sample.audit.metrics)
    assert rows[2].startswith("| Dead tuple ratio | **12.0 %** | \\< 1 % | \\> 5 % | alert |")
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)


def test_what_is_ignored_or_undecided_is_said_with_its_reason(sample: Report) -> None:
    page = render("markdown", *sample)
    assert "agreed with \\<legal\\>, until | spring" in page
    assert "- `table-scan-ratio`: the role is no member of pg_read_all_stats" in page


def test_ten_thousand_findings_fit_a_comment(crowd: Report) -> None:
    page = render("markdown", *crowd)
    assert len(page) <= LONGEST
    shown = len(re.findall(r"^- `", page, re.MULTILINE))
    left = [int(n.replace(",", "")) for n in re.findall(r"…and ([\d,]+) more findings;", page)]
    assert shown + sum(left) == len(crowd.audit.findings)


def test_an_empty_database_has_a_page(empty: Report) -> None:
    page = render("markdown", *empty)
    assert page.startswith("# Audit of `outreach`\n")
    assert "nothing to put right" in page


def test_without_tenancy_it_says_how_to_name_the_column(untenanted: Report) -> None:
    assert "tenfold.toml: \\[tenancy\\] columns =" in render("markdown", *untenanted)
