"""Writes the pages that are made from the code: `python -m docs.generate [--check]`.

Rule pages come from the rules' docstrings, the pages of the configuration and of scenarios from their
structs, the command line's from its help, the schema of the JSON report from the structs that are encoded,
the Structs of the hub's client from the description of its API.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.client import client_schema, description
from docs.command_line import command_line_page
from docs.configuration import configuration_page
from docs.scenario import scenario_page
from tenfold.report.json import schema
from tenfold.rules.rule import all_rules

REFERENCE = Path(__file__).parent / "reference"
RULES = REFERENCE / "rules"
CLIENT = Path(__file__).parent.parent / "src" / "tenfold_hub" / "client" / "schema.py"


def pages() -> dict[Path, str]:
    """Every generated file with its content."""
    made = {RULES / f"{rule.id}.md": rule.page for rule in all_rules()}
    made[RULES / "README.md"] = _index()
    made[REFERENCE / "configuration.md"] = configuration_page()
    made[REFERENCE / "scenario.md"] = scenario_page()
    made[REFERENCE / "cli.md"] = command_line_page()
    made[REFERENCE / "audit.schema.json"] = schema()
    made[CLIENT] = client_schema(description())
    return made


def main(arguments: list[str]) -> int:
    made = pages()
    stale = [file for file, text in made.items() if not file.exists() or file.read_text("utf-8") != text]
    gone = [file for file in RULES.glob("*.md") if file not in made]
    if "--check" in arguments:
        for file in (*stale, *gone):
            print(f"{file.relative_to(REFERENCE.parent.parent)} is stale; run: make docs", file=sys.stderr)
        return int(bool(stale or gone))
    for file in gone:
        file.unlink()
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made[file], encoding="utf-8")
    print(f"{len(made)} pages, {len(stale)} written, {len(gone)} removed")
    return 0


def _index() -> str:
    return "\n".join(_index_lines()) + "\n"


def _index_lines() -> Iterator[str]:
    yield "# Rules"
    yield ""
    yield f"{len(all_rules())} rules. `tenfold rules ID` shows the same page in the terminal."
    for group, rules in groupby(all_rules(), key=lambda rule: rule.group):
        yield ""
        yield f"## {group}"
        yield ""
        yield "| rule | what it finds |"
        yield "|---|---|"
        for rule in rules:
            yield f"| [{rule.id}]({rule.id}.md) | {rule.title} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
