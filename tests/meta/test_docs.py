"""What the documentation says can be done: links lead somewhere, commands parse, every field has a meaning."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

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

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PROMPT = re.compile(r"^\s*(?:\$ |- run: |- )?(?=tenfold |make )")
_SHELL_GOES_ON = re.compile(r"\s(?:\||>|&&|;|#)\s.*$")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(text: str) -> Iterator[str]:
    """Command lines of `tenfold` and `make` in code, fenced, indented and in the line, comments cut off."""
    inline = re.findall(r"(?<!`)`((?:tenfold|make) [^`\n]+)`(?!`)", _FENCE.sub("", text))
    blocks = [body for language, body in _FENCE.findall(text) if language not in NO_SHELL]
    indented = [line for line in _FENCE.sub("", text).splitlines() if line.startswith("    ")]
    lines = [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    for line in (*lines, *indented):
        prompt = _PROMPT.match(line)
        if prompt is not None:
            yield _SHELL_GOES_ON.sub("", line[prompt.end() :])
    yield from inline


def parse(words: list[str]) -> None:
    """Parses a command line as the command would, and runs nothing. Raises click.ClickException."""
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


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_parse(page: Path) -> None:
    wrong = []
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in commands(page.read_text(encoding="utf-8")):
        program, *words = shlex.split(line)
        if program == "make":
            wrong += [line for word in words if "=" not in word and word not in targets]
            continue
        try:
            parse(words)
        except click.ClickException as error:
            wrong.append(f"{line}: {error.format_message()}")
    assert wrong == []


def test_a_wrong_command_is_found() -> None:
    text = "```console\n$ tenfold audit --fial-on P0 | tail\n```\nand `tenfold aplly DSN`"
    found = list(commands(text))
    assert found == ["tenfold audit --fial-on P0", "tenfold aplly DSN"]
    for line in found:
        with pytest.raises(click.UsageError):
            parse(shlex.split(line)[1:])


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


@pytest.mark.parametrize("heading, struct", SECTIONS, ids=[heading for heading, _ in SECTIONS])
def test_every_key_of_the_configuration_has_a_meaning(heading: str, struct: type[msgspec.Struct]) -> None:
    fields = [field for field in fields_of(struct) if not field.type.endswith("Config")]
    assert fields
    assert [field.name for field in fields if len(field.comment) < 8 and field.name not in SECTION_KEYS] == []


#: Keys of the top level that are sections with fields of their own.
SECTION_KEYS = ("thresholds", "ignore")


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
