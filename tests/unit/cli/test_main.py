"""The command line answers fast, explains itself, and ends with the right exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tenfold.cli.main import COMMANDS, run
from tenfold.rules.rule import all_rules

HEAVY = {"psycopg", "sqlglot", "rich", "jinja2", "msgspec", "platformdirs"}


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from tenfold.cli.main import run; run(['--help']);"
        f"print(*sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0
    assert ended.stderr.strip() == ""


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in said] == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage: tenfold " + command in capsys.readouterr().out


def test_the_catalogue_lists_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    said = capsys.readouterr().out
    assert [rule.id for rule in all_rules() if rule.id not in said] == []


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "tenant-index-missing"]) == 0
    said = capsys.readouterr().out
    for heading in ("What it finds", "Why it matters", "How to fix", "When to ignore"):
        assert heading in said


def test_an_unknown_command_is_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audti"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tenfold: ")
    assert len(said.strip().splitlines()) == 1


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    ended = subprocess.run(
        [f"{sys.executable} -m tenfold rules | head -1"],
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0
    assert ended.stderr == ""
