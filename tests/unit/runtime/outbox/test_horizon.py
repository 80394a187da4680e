"""An id is safe once nobody is left who may still add a smaller one."""

from __future__ import annotations

from tenfold.runtime.outbox.horizon import Horizon, Look


def look(newest: int | None, *writers: str, prepared: tuple[str, ...] = (), server: str = "s") -> Look:
    return Look(server, newest, frozenset(writers), frozenset(prepared))


def test_without_writers_all_that_is_seen_is_safe() -> None:
    horizon = Horizon()
    assert horizon.saw(look(5), 0.0)
    assert horizon.safe == 5
    assert horizon.lag(9.0) == 0


def test_what_was_seen_is_safe_once_its_writers_are_gone_whoever_else_has_come() -> None:
    horizon = Horizon()
    horizon.saw(look(5, "a", "b"), 1.0)
    assert horizon.safe == 0
    assert horizon.lag(4.0) == 3.0
    horizon.saw(look(9, "b", "c"), 2.0)
    assert horizon.safe == 0
    horizon.saw(look(12, "c", "d"), 3.0)
    assert horizon.safe == 5
    # What came meanwhile is the next to be waited for, from now on.
    assert (horizon.target, horizon.awaited, horizon.lag(3.5)) == (12, {"c", "d"}, 0.5)


def test_a_writer_that_returns_under_another_name_is_not_waited_for() -> None:
    horizon = Horizon()
    horizon.saw(look(5, "a"), 0.0)
    horizon.saw(look(None, "b"), 0.0)
    assert horizon.safe == 5


def test_any_prepared_transaction_may_be_one_that_is_waited_for() -> None:
    horizon = Horizon()
    horizon.saw(look(5, "a"), 0.0)
    horizon.saw(look(None, prepared=("-1/9",)), 0.0)
    assert horizon.safe == 0
    horizon.saw(look(None), 0.0)
    assert horizon.safe == 5


def test_another_server_begins_from_nothing() -> None:
    horizon = Horizon()
    horizon.saw(look(5), 0.0)
    assert not horizon.saw(look(9, server="another"), 0.0)
    assert (horizon.safe, horizon.target) == (0, 0)
    assert horizon.saw(look(3, server="another"), 0.0)
    assert horizon.safe == 3
