"""Autovacuum's own arithmetic."""

from __future__ import annotations

import math

import pytest

from tenfold.rules.vacuum import (
    analyze_trigger,
    eager,
    insert_trigger,
    is_disabled,
    overdue,
    vacuum_trigger,
)
from tests.unit.rules.build import activity, server, subject, table

LONG_AGO = "2025-02-01 00:00:00+00:00"


def test_the_factory_s_triggers() -> None:
    made, items = subject().snapshot, table(1, rows=10_000.0)
    assert vacuum_trigger(made, items) == 50 + 0.2 * 10_000
    assert insert_trigger(made, items) == 1_000 + 0.2 * 10_000
    assert analyze_trigger(made, items) == 50 + 0.1 * 10_000


def test_a_table_s_own_parameters_go_before_the_server_s() -> None:
    made = subject(settings={"autovacuum_vacuum_scale_factor": "0.1", "autovacuum_vacuum_threshold": "500"})
    plain = table(1, rows=10_000.0)
    own = table(1, rows=10_000.0, options=("fillfactor=90", "autovacuum_vacuum_scale_factor=0.01"))
    assert vacuum_trigger(made.snapshot, plain) == 1_500
    assert vacuum_trigger(made.snapshot, own) == 600


def test_a_table_never_vacuumed_counts_as_empty() -> None:
    assert vacuum_trigger(subject().snapshot, table(1, rows=-1.0)) == 50


def test_the_maximum_of_version_18() -> None:
    huge = table(1, rows=10_000_000_000.0)
    made = subject(settings={"autovacuum_vacuum_max_threshold": "100000000"}).snapshot
    assert vacuum_trigger(made, huge) == 100_000_000
    unlimited = subject(settings={"autovacuum_vacuum_max_threshold": "-1"}).snapshot
    assert vacuum_trigger(unlimited, huge) == 2_000_000_050


def test_a_vacuum_for_inserts_can_be_turned_off() -> None:
    made = subject(settings={"autovacuum_vacuum_insert_threshold": "-1"}).snapshot
    assert insert_trigger(made, table(1)) == math.inf


@pytest.mark.parametrize(("option", "expected"), [("false", True), ("off", True), ("true", False)])
def test_the_switch_of_a_table(option: str, expected: bool) -> None:
    assert is_disabled(table(1, options=(f"autovacuum_enabled={option}",))) is expected
    assert not is_disabled(table(1, options=("toast.autovacuum_enabled=false",)))


@pytest.mark.parametrize("standby", [False, True])
def test_dead_and_changed_rows_wait(standby: bool) -> None:
    made = subject(
        server=server(in_recovery=standby),
        relations=(table(1, rows=100_000.0),),
        table_activity=(
            activity(
                1,
                dead_rows=30_000,
                modified_since_analyze=90_000,
                last_autovacuum=LONG_AGO,
                last_analyze=LONG_AGO,
                last_autoanalyze="2025-03-10 11:00:00+00:00",
            ),
        ),
    )
    found = overdue(made)
    # Analyzed an hour ago; and no standby vacuums.
    assert [(work.task, work.pending, work.ever) for work in found] == (
        [] if standby else [("vacuum", 30_000, True)]
    )


def test_inserted_rows_wait_where_dead_ones_do_not() -> None:
    made = subject(
        relations=(table(1, rows=100_000.0),),
        table_activity=(activity(1, dead_rows=10, inserted_since_vacuum=21_001, last_vacuum=LONG_AGO),),
    )
    (work,) = overdue(made)
    assert (work.task, work.pending, work.trigger) == ("vacuum", 21_001, 21_000.0)


def test_only_what_starts_late_is_set_and_the_old_value_is_kept() -> None:
    items = table(1, options=("autovacuum_vacuum_scale_factor=0.3", "autovacuum_analyze_scale_factor=0.05"))
    wish = eager(subject(), items)
    assert wish is not None
    assert dict(wish.options) == {
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_insert_scale_factor": "0.05",
    }
    assert dict(wish.old) == {
        "autovacuum_vacuum_scale_factor": "0.3",
        "autovacuum_vacuum_insert_scale_factor": None,
    }


def test_a_table_set_as_proposed_is_left_alone() -> None:
    wish = eager(subject(), table(1))
    assert wish is not None
    done = table(1, options=tuple(f"{name}={value}" for name, value in wish.options))
    assert eager(subject(), done) is None
