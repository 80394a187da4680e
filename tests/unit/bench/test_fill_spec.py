from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.bench.fill_spec import read_fill_spec
from tenfold.errors import ConfigError

HEAD = 'tenant_table = "teams"\ntenant_column = "team_id"\nwindow = [2024-10-01, 2024-12-31]\n'


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "fill.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_tables_own_hint_goes_before_the_one_for_its_name(tmp_path: Path) -> None:
    tables = "[columns]\ncity.nulls = 0.5\n[tables.a]\nper_tenant = 1\n"
    tables += "[tables.b]\nper_tenant = 1\ncolumns.city.nulls = 0.1\n"
    spec = read_fill_spec(written(tmp_path, HEAD + tables))
    found = [spec.hint(table, "city") for table in ("a", "b")]
    assert [hint.nulls for hint in found if hint] == [0.5, 0.1]
    assert spec.hint("a", "country") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe", "utf-8"),
        ("tenant_table =", "fill.toml"),
        ('tenant_table = "teams"', "tenant_column"),
        (HEAD + "[tables.a]\nper_tenant = 1\ncolumns.x.chioces = [1]\n", "chioces"),
        (HEAD + "[tables.a]\nrows = 2\n", "table a needs"),
        (HEAD + '[tables.a]\nper = "b"\nper_tenant = 2\n', "table a needs"),
        (HEAD + '[tables.a]\nper = "b"\nrows = 1\neach = 1\n', "table a needs"),
        (HEAD + "[tables.a]\nper_tenant = -1\n", "table a needs"),
        (HEAD + "[tables.teams]\nper_tenant = 1\n", "one row for each tenant"),
        (HEAD + '[tables.a]\nper_tenant = 1\ncolumns.x = { choices = [1], text = "city" }\n', "only one of"),
    ],
)
def test_a_file_that_means_nothing_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_fill_spec(written(tmp_path, text))
    assert "\n" not in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml cannot be read"):
        read_fill_spec(tmp_path / "missing.toml")
