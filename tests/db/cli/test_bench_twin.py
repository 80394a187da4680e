"""`tenfold bench twin` at its smallest."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tenfold.cli.bench_twin import command
from tenfold.errors import UsageError


def test_the_example_is_compared_and_every_table_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenfold.cli.bench_twin_parts._CALIBRATION_SECONDS", 1.0)
    arguments = ["--part", "outreach", "--leads", "200", "--factors", "2"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "200 leads predicted at 400" in result.output
    for expected in ("superuser, without indexes", "RLS, with indexes, generic", "itself, analyzed again"):
        assert expected in result.output
    assert "of 848 shapes the same" in result.output
    assert "btree" in result.output
    assert "predicted / measured" in result.output
    assert all(len(line) <= 100 for line in result.output.splitlines())


@pytest.mark.parametrize("factors", ["1", "20,x", "0"])
def test_a_factor_that_is_none_is_refused(factors: str) -> None:
    with pytest.raises(UsageError, match="--factors"):
        CliRunner().invoke(command, ["--factors", factors], catch_exceptions=False, standalone_mode=False)
