"""Ids of events grow with time, and are of version 7."""

from __future__ import annotations

import time
import uuid

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.outbox import NewEvent, create_sql
from tenfold.runtime.outbox.event import encoded, new_id


def test_ids_are_uuids_of_version_7_by_the_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    for each in ids:
        assert (each.version, each.variant) == (7, uuid.RFC_4122)
        assert before <= each.int >> 80 <= time.time_ns() // 1_000_000


def test_what_is_no_payload_is_refused_without_its_value() -> None:
    with pytest.raises(UsageError) as told:
        encoded(NewEvent("t", "k", {"card": "4111", "x": object()}))
    assert "4111" not in str(told.value)


@pytest.mark.parametrize("name", ["", "a-b", 'a"b', "1a", "x" * 60])
def test_names_that_would_need_care_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        create_sql(application_role="a", dispatcher_role="b", schema=name)


def test_lanes_are_within_reason() -> None:
    with pytest.raises(UsageError):
        create_sql(application_role="a", dispatcher_role="b", lanes=0)
