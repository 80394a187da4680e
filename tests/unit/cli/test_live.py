"""The commands that write say the same of the same fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.cli.main import run


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("command", ["apply", "undo"])
def test_a_file_is_no_live_database(
    command: str, there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "snapshot.json"
    if there:
        file.write_text("{}")
    assert run([command, str(file), "--yes"]) == 2
    said = capsys.readouterr().err
    assert said == f"tenfold: {command} works on a live database; '{file}' is not a DSN\n"
