from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tenfold.catalog.config_file import LoadedConfig, load_config
from tenfold.errors import ConfigError
from tenfold.model.config import Ignore


def written(folder: Path, text: str, name: str = "tenfold.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def complaint(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_section_is_read(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
exclude_schemas = ["vendor"]

[tenancy]
columns = ["team_id"]
tenant_table = "teams"
setting = "app.team"
application_role = "app"
classes = { "app.notes" = "child" }

[operations_per_day]
messages = 100_000

[personal_data]
tables = ["people"]

[thresholds]
small_table_rows = 5

[[ignore]]
rule = "pk-missing"
object = "log"
reason = "append-only"
expires = 2030-12-31
""",
    )
    config = load_config(file).config
    assert config.tenancy.columns == ("team_id",)
    assert config.tenancy.classes == {"app.notes": "child"}
    assert config.operations_per_day == {"messages": 100_000}
    assert config.personal_data.tables == ("people",)
    assert config.thresholds.small_table_rows == 5
    assert config.exclude_schemas == ("vendor",)
    assert config.ignore == (
        Ignore(rule="pk-missing", object="log", reason="append-only", expires=datetime.date(2030, 12, 31)),
    )


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    assert load_config(file) == LoadedConfig(file=file)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    file = written(tmp_path, '\ufeff[tenancy]\ncolumns = ["team_id"]')
    assert load_config(file).config.tenancy.columns == ("team_id",)


# --- finding it ---


def test_the_nearest_file_upwards_is_found(tmp_path: Path) -> None:
    written(tmp_path, 'exclude_schemas = ["far"]')
    near = written(tmp_path / "a", 'exclude_schemas = ["near"]')
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert load_config(start=deep).file == near


def test_the_working_directory_is_where_the_search_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert load_config().file == file


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_config(start=tmp_path) == LoadedConfig()


def test_a_project_file_counts_where_it_speaks_of_tenfold(tmp_path: Path) -> None:
    project = written(tmp_path, '[tool.tenfold.tenancy]\ncolumns = ["team_id"]', "pyproject.toml")
    loaded = load_config(start=tmp_path)
    assert (loaded.file, loaded.config.tenancy.columns) == (project, ("team_id",))


def test_our_own_file_goes_before_a_project_file(tmp_path: Path) -> None:
    written(tmp_path, '[tool.tenfold]\nexclude_schemas = ["project"]', "pyproject.toml")
    own = written(tmp_path, "")
    assert load_config(start=tmp_path).file == own


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "x"',
        "[tool.tenfolded]\nx = 1",
        "# see [tool.tenfold]\n",
        "[project\nbroken",
        "tool = 5  # no tool.tenfold",
    ],
)
def test_a_project_file_that_does_not_is_passed_by(tmp_path: Path, text: str) -> None:
    above = written(tmp_path, "")
    written(tmp_path / "inner", text, "pyproject.toml")
    assert load_config(start=tmp_path / "inner").file == above


def test_a_broken_project_file_that_does_is_not_passed_by(tmp_path: Path) -> None:
    file = written(tmp_path, "[tool.tenfold\nbroken", "pyproject.toml")
    with pytest.raises(ConfigError, match=f"{file} is not TOML"):
        load_config(start=tmp_path)


def test_a_named_project_file_has_to_speak_of_tenfold(tmp_path: Path) -> None:
    file = written(tmp_path, '[project]\nname = "x"', "pyproject.toml")
    assert complaint(file) == f"{file} has no table [tool.tenfold]; check --config"


def test_a_working_directory_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match=r"no tenfold\.toml can be looked for: No such file or directory"):
        load_config()


# --- what is wrong with it ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tenanc]", "unknown key `tenanc`"),
        ("[tenancy]\ncolum = 1", "unknown key `colum` in [tenancy]"),
        ("[thresholds]\nhot = 1", "unknown key `hot` in [thresholds]"),
        ("[[ignore]]\nrule = 'x'", "missing key `reason` in [ignore[0]]"),
        ("tenancy = 5", "Expected a table, got a whole number in [tenancy]"),
        ("[tenancy]\ncolumns = 'team_id'", "Expected a list, got text in [tenancy.columns]"),
        ("[tenancy]\ncolumns = [1]", "Expected text, got a whole number in [tenancy.columns[0]]"),
        ("[operations_per_day]\nx = 'many'", "Expected a whole number, got text in [operations_per_day]"),
        ("[thresholds]\nsmall_table_rows = 1.5", "Expected a whole number, got a number in"),
        ("[tenancy.classes]\nx = 'tenantt'", "there is no such class: 'tenantt' in [tenancy.classes]"),
        (
            "[[ignore]]\nrule = 'x'\nreason = 'y'\nexpires = 'soon'",
            "expected a date such as 2030-12-31 in [ignore[0].expires]",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    assert complaint(file).startswith(f"{file}: {said}")
    assert complaint(file).endswith("docs/reference/configuration.md lists every key")


def test_a_wrong_key_in_a_project_file_is_named_too(tmp_path: Path) -> None:
    file = written(tmp_path, "[tool.tenfold]\nexclude = 1", "pyproject.toml")
    assert "unknown key `exclude`" in complaint(file)
    with pytest.raises(ConfigError, match="unknown key `exclude`"):
        load_config(start=tmp_path)


def test_what_is_not_toml_says_where(tmp_path: Path) -> None:
    file = written(tmp_path, "[tenancy\n")
    assert complaint(file).startswith(f"{file} is not TOML: ")
    assert "line 1" in complaint(file)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    assert complaint(absent) == f"there is no configuration file {absent}; check --config"
    assert complaint(tmp_path) == f"{tmp_path} cannot be read: Is a directory"
    (tmp_path / "latin.toml").write_bytes('x = "größe"'.encode("latin-1"))
    assert complaint(tmp_path / "latin.toml").endswith("latin.toml cannot be read: it is not UTF-8 text")


# --- the workload ---

POINTER = '[workload]\nfile = "sql/workload.sql"'


def test_the_workload_lies_beside_the_configuration(tmp_path: Path) -> None:
    written(tmp_path, "-- name: inbox by bucket\nSELECT $1;\n-- name: queue\nSELECT 2", "sql/workload.sql")
    loaded = load_config(written(tmp_path, POINTER))
    assert [(statement.name, statement.text) for statement in loaded.workload] == [
        ("inbox by bucket", "SELECT $1"),
        ("queue", "SELECT 2"),
    ]


def test_a_missing_workload_is_named_with_who_named_it(tmp_path: Path) -> None:
    file = written(tmp_path, POINTER)
    assert complaint(file) == (
        f"{file}: [workload] file {tmp_path}/sql/workload.sql cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1", "a statement is not named; put a line `-- name: NAME` above each"),
        ("SELECT 0;\n-- name: one\nSELECT 1", "a statement is not named"),
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2", "the name 'one' is taken already"),
        ("-- name: one\n", "'one' names no statement"),
    ],
)
def test_a_workload_that_would_lose_a_statement_is_refused(tmp_path: Path, text: str, said: str) -> None:
    workload = written(tmp_path, text, "sql/workload.sql")
    assert complaint(written(tmp_path, POINTER)).startswith(f"{workload}: {said}")


def test_a_workload_may_be_empty(tmp_path: Path) -> None:
    written(tmp_path, "-- nothing yet\n", "sql/workload.sql")
    assert load_config(written(tmp_path, POINTER)).workload == ()


def test_a_table_is_not_used_less_than_never(tmp_path: Path) -> None:
    file = written(tmp_path, "[operations_per_day]\nleads = 0\nmessages = -5\n")
    assert complaint(file) == f"{file}: [operations_per_day] of 'messages' is -5; expected 0 or more"
