"""A key that is slow or fails has its place in memory, and no more."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from tenfold.runtime.outbox.lanes import DEPTH, Lane
from tenfold.runtime.outbox.leases import shares
from tenfold.runtime.outbox.store import Due, Stored

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def row(number: int, key: str = "k") -> Stored:
    return Stored(number, uuid.UUID(int=number), 7, "t", 0, key, "null", WHEN)


def lane() -> Lane:
    return Lane(("t", 0), 1)


def ids(place: Lane, key: str = "k") -> list[int]:
    return [each.id for each in place.strands[7, key].queue]


def test_what_a_key_has_no_room_for_is_passed_over_and_read_by_key() -> None:
    place = lane()
    strands, taken = place.take([row(n) for n in range(1, DEPTH + 10)] + [row(1000, "other")], 1000)
    assert (taken, place.cursor) == (DEPTH + 1, 1000)
    assert ids(place) == list(range(1, DEPTH + 1))
    assert ids(place, "other") == [1000]
    strand = strands[0]
    # Until it has caught up, what comes new is passed over, too.
    assert place.take([row(2000)], 2000) == ([], 0)
    assert place.wanting() == []
    strand.queue.clear()
    assert place.wanting() == [strand]
    # Set back while the server was asked, it takes none of the answer.
    assert place.take_of_key(strand, [row(2000)], DEPTH + 1, whole=True) == 0
    assert strand.behind
    assert place.take_of_key(strand, [row(DEPTH + 1), row(2000)], DEPTH, whole=True) == 2
    assert ids(place) == [DEPTH + 1, 2000]
    assert place.take([row(2001)], 2001)[1] == 1


def test_a_key_that_failed_takes_nothing_until_its_time_has_come() -> None:
    place = lane()
    ((strand,), _) = place.take([row(1), row(2), row(3)], 3)
    failed = strand.queue.popleft()
    assert place.park(strand, failed) == 2
    assert strand.attempts == 1
    assert place.take([row(4)], 4)[1] == 0
    assert place.wanting() == []
    # An older row of the table, read before the new one was written, changes nothing.
    place.retry(Due("t", 0, 7, "k", 1, 0, 0.0))
    assert strand.parked
    place.forget_parked()
    assert strand.name in place.strands
    strand.retry, strand.resting = 1, True
    place.forget_parked()
    assert place.strands == place.passed == {}
    place.retry(Due("t", 0, 7, "k", 1, 1, 0.0))
    (again,) = place.wanting()
    assert (again.last, again.failing, again.attempts) == (0, 1, 1)
    assert place.retrying() == [1]
    # As long as its row stands, it is read by key: reading by lanes leaves it out.
    assert place.take_of_key(again, [row(1), row(2)], 0, whole=True) == 2
    assert again.behind
    assert place.park(again, again.queue.popleft()) == 1
    assert again.attempts == 2


def test_another_event_that_fails_is_at_its_first_attempt() -> None:
    place = lane()
    ((strand,), _) = place.take([row(1)], 1)
    place.park(strand, row(1))
    place.park(strand, row(1))
    assert strand.attempts == 2
    place.park(strand, row(2))
    assert strand.attempts == 1


def test_what_has_nothing_left_to_do_is_forgotten() -> None:
    place = lane()
    ((strand,), _) = place.take([row(1)], 1)
    place.tidy(strand)
    assert place.strands
    strand.queue.clear()
    place.tidy(strand)
    assert not place.strands


def test_a_cursor_never_goes_back() -> None:
    place = lane()
    place.take([], 9)
    place.take([], 5)
    assert place.cursor == 9


def test_each_dispatcher_has_its_share() -> None:
    assert shares(["a", "b"], 16, {"a": 3, "b": 1}, {"a": 7}) == {"a": -1, "b": 16}
    assert shares(["a"], 2, {"a": 5}, {}) == {"a": 1}
    assert shares(["a"], 16, {}, {}) == {"a": 16}
