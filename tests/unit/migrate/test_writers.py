"""Plans as files: read back strictly, and safe whatever the names are."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import msgspec
import pytest

from tenfold.errors import PlanFileError
from tenfold.migrate.write_alembic import write_alembic
from tenfold.migrate.write_json import read_plan, write_json
from tenfold.migrate.write_sql import write_sql
from tenfold.model.change import Backfill, Change, Estimate, Lock, Phase, Plan, Skipped
from tenfold.model.finding import Priority

#: A name that ends whatever it is written into without care.
NASTY = 'a\nDROP TABLE users;\r--"""\'\\\x00 {} %s :x'


def change(name: str = "one", **fields: object) -> Change:
    given: dict[str, object] = {
        "id": name,
        "kind": "statement",
        "phase": Phase.INDEXES,
        "priority": Priority.P0,
        "object": "messages",
        "title": f"do {name}",
        "done": "SELECT true",
        "lock": Lock.NONE,
        "sql": ("SELECT 1",),
    }
    return msgspec.convert(given | fields, Change)


def made(*changes: Change, database: str = "outreach") -> Plan:
    return Plan(
        fingerprint="0123456789abcdef",
        database=database,
        server_version="18.6",
        made_from="2026-01-01T00:00:00Z",
        changes=changes,
        skipped=(Skipped(("a",), "this", "that"),),
    )


WHOLE = made(
    change("build", kind="build", transactional=False, index=("public", "i"), undo=("DROP INDEX i",)),
    change(
        "fill",
        kind="backfill",
        sql=(),
        phase=Phase.KEYS,
        backfill=Backfill("public.t", ("id",), "UPDATE t AS child SET a = 1 WHERE true", "child.a IS NULL"),
        estimate=Estimate(bytes=1, seconds=2.5, lock_seconds=0.1, rows=4),
        requires=("build",),
    ),
    change("isolate", phase=Phase.ISOLATION, sql=("SELECT 1", "SELECT 2"), findings=("a", "b"), note="mind"),
)


# --- JSON ---


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "plan.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_plan(written(tmp_path, write_json(WHOLE))) == WHOLE


def test_the_version_is_written(tmp_path: Path) -> None:
    assert json.loads(write_json(WHOLE))["version"] == 1


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    content = write_json(WHOLE).rstrip().encode()
    for length in range(len(content)):
        with pytest.raises(PlanFileError, match=r"is (cut short|not a plan)"):
            read_plan(written(tmp_path, content[:length]))


def edited(**fields: object) -> str:
    return json.dumps(json.loads(write_json(WHOLE)) | fields)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (edited(version=2), "is a plan of format 2, this Tenfold reads 1"),
        ('{"format": "tenfold-snapshot", "version": 1, "snapshot": {}}', "is not a plan"),
        ("[]", "is not a plan"),
        (b"\xff\xfe", "is cut short or not a plan"),
        (edited(changes=[{"id": "x"}]), "is damaged"),
        (edited(changes=json.loads(write_json(WHOLE))["changes"][1:]), "fill requires build, which does not"),
        (edited(changes=[json.loads(write_json(WHOLE))["changes"][0]] * 2), "build is in it twice"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(PlanFileError) as raised:
        read_plan(written(tmp_path, content))
    assert said in raised.value.message
    assert "tenfold plan DSN --format json" in raised.value.message


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(PlanFileError, match="cannot be read"):
            read_plan(file)


# --- SQL ---


def test_a_name_ends_no_comment() -> None:
    nasty = change(
        title=NASTY, note=NASTY, findings=(NASTY,), undo=(f"DROP TABLE {NASTY}",), sql=("SELECT 1",)
    )
    script = write_sql(made(nasty, database=NASTY.replace("\x00", "")))
    outside = [line for line in script.splitlines() if not line.startswith("--")]
    # What is left of the name are the literals of the comparison and of its message.
    assert [line for line in outside if "DROP TABLE" in line] == ["DROP TABLE users;"] * 2
    assert "SELECT current_database() <> E'a\n" in script
    assert "MESSAGE = E'this plan was made for database a\n" in script


def test_a_look_has_no_time_limit_and_comes_before_the_change() -> None:
    seen = change(obstacle={"found": "SELECT 2 > 1", "message": NASTY.replace("\x00", "")}, sql=("SELECT 3",))
    before, look, after = re.split(r"^DO |^RESET statement_timeout;$", write_sql(made(seen)), flags=re.M)[-3:]
    assert before.endswith("SET lock_timeout = '0';\nSET statement_timeout = '0';\n")
    assert "IF (SELECT 2 > 1) THEN" in look
    assert after.startswith("\nSET lock_timeout = '2s';\nSELECT 3;")


def test_only_statements_that_may_be_are_in_a_transaction() -> None:
    script = write_sql(WHOLE)
    build, rest = script.split("-- 2 of 2", 1)
    assert "BEGIN;" not in build
    assert "SET lock_timeout = '0';\nSELECT 1;" in build
    isolation = rest.split(r"\if :isolation", 1)[1]
    assert "SET lock_timeout = '2s';\nBEGIN;\nSELECT 1;\nSELECT 2;\nCOMMIT;" in isolation


def test_undo_can_be_copied_from_one_line() -> None:
    undo = "ALTER TABLE " + "very_long_name_" * 20 + " DROP COLUMN a"
    assert f"\n-- undo: {undo};\n" in write_sql(made(change(undo=(undo,))))


# --- Alembic ---


def test_a_revision_is_python_whatever_the_names_are() -> None:
    nasty = change(title=NASTY, sql=(NASTY,), undo=(NASTY,))
    tree = ast.parse(write_alembic(made(nasty, database=NASTY), revision=NASTY, down_revision="before"))
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert NASTY in constants
    assert ast.get_docstring(tree, clean=False) is not None


def test_a_revision_says_what_it_leaves_out_and_how_to_get_it() -> None:
    text = write_alembic(made(), revision="abc", isolation_left_out=7)
    said = ast.get_docstring(ast.parse(text)) or ""
    assert "Row-level security is left out (7 more, phase isolation)" in said
    assert "tenfold plan DSN --format alembic --phase isolation --down-revision abc\n" in said
    assert "left out" not in write_alembic(made(), revision="abc")


def test_the_same_plan_gives_the_same_revision() -> None:
    assert write_alembic(WHOLE) == write_alembic(WHOLE)
    assert (
        write_alembic(WHOLE).split("revision = ")[1][:14]
        != write_alembic(made()).split("revision = ")[1][:14]
    )


def test_an_empty_plan_is_an_empty_revision() -> None:
    tree = ast.parse(write_alembic(made()))
    upgrade, downgrade = (node for node in tree.body if getattr(node, "name", "") in ("upgrade", "downgrade"))
    assert isinstance(upgrade.body[0], ast.Pass)
    assert isinstance(downgrade.body[0], ast.Pass)
