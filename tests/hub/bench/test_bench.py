"""The bench of the hub: what it says of what it measured, and one short run of each of its commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tenfold.cli.main import tenfold
from tenfold.errors import UsageError
from tenfold_hub.bench.claims import STATEMENTS, Timed, Times, ledger, statements
from tenfold_hub.bench.load import Load, read, typical
from tenfold_hub.bench.requests import CONNECTIONS, GOALS, HUB_ALONE, Result, ratio, verdicts
from tenfold_hub.bench.servers import HUB, contenders
from tenfold_hub.cli.bench import read_sizes


def load(rate: float, p95: float = 0.01, failed: int = 0) -> Load:
    requests = int(rate * 10) + failed
    return Load(requests=requests, seconds=10.0, p50=p95 / 2, p95=p95, p99=p95 * 2, failed=failed)


def results(hub: float, other: float, **more: float) -> list[Result]:
    names = {HUB.name: hub, "FastAPI and SQLAlchemy": other}
    return [
        Result(name=name, kind=kind, rounds=(load(rate, **more), load(rate, **more)))  # type: ignore[arg-type]
        for name, rate in names.items()
        for kind in (CONNECTIONS | HUB_ALONE if name == HUB.name else CONNECTIONS)
    ]


def times(**milliseconds: float) -> Times:
    """All statements took 0.02 ms, but those that are named."""
    return Times(
        [
            Timed(
                statement=name,
                tenant=tenant,
                times=(milliseconds.get(name, 0.02),) * 3,
                nodes=frozenset({"Seq Scan" if name == "contained" else "Index Scan"}),
            )
            for name in (*STATEMENTS, "union_page", "person_kept", "person_read")
            for tenant in ("largest", "median", "newest")
        ]
    )


def verdict_of(id: str, found: Times, smaller: Times | None = None, *, leakproof: bool = False) -> str:
    (line,) = [each for each in ledger(found, 1_000_000, smaller, leakproof) if each.id == id]
    return line.verdict


# --- requests --------------------------------------------------------------------------------------------


def test_the_last_line_of_wrk_is_what_counts() -> None:
    text = 'Running 1s test\n{"requests":30,"seconds":2.0,"p50":0.1,"p95":0.2,"p99":0.3,"failed":10}\n'
    assert read(text).rate == 10


def test_the_typical_run_is_the_one_of_the_median_rate() -> None:
    assert typical([load(100), load(900), load(300)]).rate == 300


def test_rates_are_compared_round_by_round() -> None:
    ours = Result(name="hub", kind="get", rounds=(load(100), load(10), load(90)))
    theirs = Result(name="bare", kind="get", rounds=(load(200), load(20), load(90)))
    assert ratio(ours, theirs) == 0.5


def test_nothing_is_compared_with_who_answered_nothing() -> None:
    ours = Result(name="hub", kind="get", rounds=(load(100), load(10)))
    assert ratio(ours, Result(name="slow", kind="get", rounds=(load(9), load(0, failed=3)))) is None


def test_a_goal_is_missed_by_rate_by_latency_and_by_failures() -> None:
    met = {each.goal: each.met for each in verdicts(results(3000, 100))}
    assert all(met.values()) and len(met) == len(GOALS) + len(CONNECTIONS)
    assert not any(each.met for each in verdicts(results(700, 650)) if "3 x" in each.goal)
    assert not any(each.met for each in verdicts(results(3000, 100, p95=2.5)) if "p95" in each.goal)
    assert not any(each.met for each in verdicts(results(3000, 100, failed=1)) if "p95" in each.goal)


def test_others_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    assert contenders(tmp_path) == [HUB]
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "app.py").touch()
    assert [each.folder for each in contenders(tmp_path)] == [None, tmp_path / "bare"]


# --- claims ----------------------------------------------------------------------------------------------


def test_every_statement_that_is_timed_has_its_text() -> None:
    assert {*STATEMENTS, "union_page", "apart", "typed_rows", "middle"} == set(statements())


@pytest.mark.parametrize(
    ("id", "slow"),
    [
        ("U1", {"by_id": 0.06}),
        ("U2", {"by_email": 0.2}),
        ("U3", {"joined": 0.6}),
        ("U5", {"person_kept": 1.2}),
        ("U5", {"person_read": 6.0}),
        ("U6", {"first_page": 9.0}),
        ("K2", {"page": 300.0}),
        ("V7", {"deep_page": 2.0}),
    ],
)
def test_a_claim_is_met_until_its_statement_is_slow(id: str, slow: dict[str, float]) -> None:
    usual = {"union_page": 1.0, "offset_page": 5.0}
    assert verdict_of(id, times(**usual)) == "met"
    assert verdict_of(id, times(**usual | slow)) == "not met"


def test_json_containment_is_wrong_where_its_operator_is_not_leakproof() -> None:
    assert verdict_of("U4", times()) == "the claim itself is wrong"
    assert verdict_of("U4", times(), leakproof=True) == "met"
    assert verdict_of("U4", times(typed=2.0), leakproof=True) == "not met"


def test_growth_is_told_where_there_is_a_smaller_size() -> None:
    assert "U7" not in [each.id for each in ledger(times(), 20_000, None, False)]
    assert verdict_of("U7", times(), times()) == "met"
    assert verdict_of("U7", times(joined=0.04), times()) == "not met"


# --- the commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "many", "20000,1000", "1000,1000", "5", "1000,20000000"])
def test_sizes_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="rising numbers"):
        read_sizes(text)


def test_too_few_persons_are_refused_in_one_line() -> None:
    result = CliRunner().invoke(tenfold, ["hub", "bench", "claims", "--persons", "100"])
    assert isinstance(result.exception, UsageError) or "1,000 persons" in result.output


def test_claims_are_measured_end_to_end() -> None:
    asked = ["hub", "bench", "claims", "--persons", "300", "--organizations", "3", "--repeat", "3"]
    result = CliRunner().invoke(tenfold, asked, catch_exceptions=False)
    assert result.exit_code == 0
    lines = {line.split("|")[1].strip(): line for line in result.stdout.splitlines() if line.startswith("|")}
    assert {"U1", "U2", "U3", "U4", "U5", "U6", "K2", "M1", "V7"} <= lines.keys()
    # Whatever the machine does, plans and row-level security are what they are.
    assert "the claim itself is wrong" in lines["U4"]
