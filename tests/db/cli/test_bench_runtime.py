"""`tenfold bench runtime` at its smallest, with whatever competitors are installed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from tenfold.bench.runtime.missing import missing
from tenfold.bench.runtime.redis_server import redis_server
from tenfold.bench.runtime.result import Report
from tenfold.bench.runtime.run import SUBJECTS
from tenfold.cli.bench_runtime import command
from tenfold.errors import TenfoldError, UsageError


def test_every_subject_is_measured_beside_its_competitors() -> None:
    result = CliRunner().invoke(
        command, ["--quick", "--repeat", "1", "--format", "json"], catch_exceptions=False
    )
    assert result.exit_code == 0
    report = msgspec.json.decode(result.stdout, type=Report)
    assert [section.subject for section in report.sections] == list(SUBJECTS)
    assert report.quick
    assert report.versions["server"].startswith("PostgreSQL")
    names = {line.name for section in report.sections for table in section.tables for line in table.lines}
    assert {"tenfold, asyncpg", "asyncpg, BEGIN; SET LOCAL", "SQLAlchemy Core, asyncpg"} <= names
    assert {"tenfold, peek", "dict.get", "redis-py and msgspec"} <= names
    assert {"keyset, row 10,000", "offset, row 10,000", "with the guard", "all three"} <= names
    for module, name in (("cashews", "cashews, get"), ("django_rls_tenants", "Django, django-rls-tenants")):
        left_out = [line for section in report.sections for line in section.left_out if module in line]
        assert (name in names) is not bool(left_out)
        assert bool(left_out) is bool(missing(module))


def test_competitors_that_are_not_installed_are_named_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What this test run has installed is left as it is.
    monkeypatch.setattr("tenfold.bench.runtime.missing.find_spec", _of_the_runtime)
    monkeypatch.setattr("tenfold.bench.runtime.shared_cache.redis_program", lambda: None)
    arguments = ["--quick", "--repeat", "1", "--only", "transaction,cache,redis"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    for absent in (
        "psycopg_pool",
        "sqlalchemy",
        "django, django_rls_tenants",
        "cashews",
        "aiocache",
        "dogpile",
    ):
        assert f"{absent} not installed: pip install 'tenfold[bench]'" in said
    assert "Left out: not run: no redis-server found" in said
    for measured in ("tenfold, asyncpg", "asyncpg, BEGIN; SET LOCAL", "dict.get"):
        assert measured in said
    assert "cashews, get" not in said


def _of_the_runtime(module: str) -> object:
    return object() if module in ("asyncpg", "redis") else None


def test_the_subjects_asked_for_are_written_as_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    arguments = ["--quick", "--repeat", "1", "--only", "loader,policy", "-o", str(page)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    text = page.read_text()
    assert text.index("Row-level security and an explicit predicate") < text.index("Loaders")
    assert "RLS and the predicate" in text
    assert "This was a quick run, whose figures mean nothing." in " ".join(text.split())
    assert "A hit of" not in text
    assert all(len(line.rstrip()) <= 100 for line in text.splitlines())


@pytest.mark.parametrize("only", ["caches", "cache,nothing", ",", ""])
def test_a_subject_that_is_none_is_refused(only: str) -> None:
    with pytest.raises(UsageError, match="--only takes transaction, policy"):
        CliRunner().invoke(command, ["--only", only], catch_exceptions=False, standalone_mode=False)


def test_a_folder_that_is_not_there_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenfold.bench.runtime.run.run", None)
    with pytest.raises(UsageError, match="there is no such folder"):
        CliRunner().invoke(
            command, ["-o", str(tmp_path / "none" / "x")], catch_exceptions=False, standalone_mode=False
        )


def test_the_help_names_the_subjects() -> None:
    help_ = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert ", ".join(SUBJECTS) in help_


def test_a_redis_that_does_not_start_is_one_line() -> None:
    with pytest.raises(TenfoldError, match="false did not start"), redis_server("false"):
        pass
