"""What the documentation says can be done: links lead somewhere, commands parse, fields have a meaning."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from docs import scenario
from docs.configuration import SECTIONS, fields_of
from tenfold.cli.main import tenfold
from tenfold.model.change import Backfill, Change, Estimate, Plan
from tenfold.model.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")],
    key=lambda page: page.as_posix(),
)
#: Code that holds no command of a shell, though a line may begin like one.
NO_SHELL = ("python", "sql", "json", "toml")

TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PROMPT = re.compile(r"^\s*(?:\$ |- run: |- )?(?=tenfold |make )")
_SHELL_GOES_ON = re.compile(r"\s(?:\||>|&&|;|#)\s.*$")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(text: str) -> Iterator[str]:
    """Command lines of `tenfold` and `make` in code blocks, without comments and what they are piped to."""
    blocks = [body for language, body in _FENCE.findall(text) if language not in NO_SHELL]
    indented = [line for line in _FENCE.sub("", text).splitlines() if line.startswith("    ")]
    lines = [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    for line in (*lines, *indented):
        prompt = _PROMPT.match(line)
        if prompt is not None:
            yield _SHELL_GOES_ON.sub("", line[prompt.end() :])


def mentions(text: str) -> Iterator[str]:
    """Commands within a sentence, which may leave out what every call of them needs."""
    yield from re.findall(r"(?<!`)`((?:tenfold|make) [^`\n]+)`(?!`)", _FENCE.sub("", text))


def faults(line: str, *, whole: bool = True) -> Iterator[str]:
    """What is wrong with a command line; nothing is run."""
    program, *words = shlex.split(line)
    if program == "make":
        yield from (f"{line}: no target {word}" for word in words if "=" not in word and word not in TARGETS)
        return
    try:
        parse(words)
    except (click.MissingParameter, click.BadOptionUsage) as error:
        if whole:
            yield f"{line}: {error.format_message()}"
    except click.UsageError as error:
        yield f"{line}: {error.format_message()}"


def parse(words: list[str]) -> None:
    """Parses as the command would. Raises click.UsageError."""
    command: click.Command = tenfold
    context = click.Context(tenfold, info_name="tenfold")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"there is no command {words[0]}")
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    if not isinstance(command, click.Group):
        command.make_context(command.name, words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in _LINK.findall(text) if "://" not in target]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


# The reference of the command line is click's own usage, with placeholders.
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "cli.md"], ids=name)
def test_commands_parse(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [fault for line in commands(text) for fault in faults(line)] == []
    assert [fault for line in mentions(text) for fault in faults(line, whole=False)] == []


def test_a_wrong_command_is_found() -> None:
    block = "```console\n$ tenfold audit --fial-on P0 | tail\n```\n"
    text = f"{block}`tenfold aplly DSN`, `make tset`, `tenfold plan`"
    assert list(commands(text)) == ["tenfold audit --fial-on P0"]
    assert list(mentions(text)) == ["tenfold aplly DSN", "make tset", "tenfold plan"]
    found = [*commands(text), *mentions(text)]
    assert [line for line in found if not list(faults(line))] == ["tenfold plan"]


def test_the_readme_begins_with_the_demo_and_the_tests() -> None:
    found = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [next(found), next(found)] == ["make demo", "make test"]


def test_every_page_can_be_reached_from_the_map() -> None:
    start = ROOT / "docs/README.md"
    reached, waiting = {start}, [start]
    while waiting:
        page = waiting.pop()
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            found = (page.parent / target.partition("#")[0]).resolve()
            if found.suffix == ".md" and found.exists() and found not in reached:
                reached.add(found)
                waiting.append(found)
    assert [name(page) for page in PAGES if "docs" in page.parts and page not in reached] == []


#: Keys of the top level that are sections with fields of their own.
SECTION_KEYS = ("thresholds", "ignore", "tenants", "budgets")


KEYS = (*SECTIONS, *((f"scenario {heading}", struct) for heading, struct in scenario.SECTIONS))


@pytest.mark.parametrize("heading, struct", KEYS, ids=[heading for heading, _ in KEYS])
def test_every_key_of_a_file_that_people_write_has_a_meaning(
    heading: str, struct: type[msgspec.Struct]
) -> None:
    fields = [field for field in fields_of(struct) if not field.type.endswith("Config")]
    assert fields
    assert [field.name for field in fields if len(field.comment) < 8 and field.name not in SECTION_KEYS] == []


@pytest.mark.parametrize(
    ("page", "structs"),
    [("plan-json.md", (Plan, Change, Backfill, Estimate)), ("snapshot-file.md", (Snapshot,))],
)
def test_the_page_of_a_file_format_names_every_field(
    page: str, structs: tuple[type[msgspec.Struct], ...]
) -> None:
    text = (ROOT / "docs/reference" / page).read_text(encoding="utf-8")
    fields = [field.name for struct in structs for field in msgspec.structs.fields(struct)]
    assert [field for field in fields if f"`{field}`" not in text] == []
