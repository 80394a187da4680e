"""The message of an exhausted pool names the places that hold most."""

from __future__ import annotations

import time

from tenfold.runtime.holders import Place, calling_place, spoken


def test_places_are_named_by_how_much_they_hold_and_how_long() -> None:
    places = [compile("", f"/srv/app/{name}.py", "exec") for name in "abcd"]
    held = [Place(places[n], 10 + n, 100.0 - n) for n in (0, 1, 1, 2, 2, 2, 3)]
    assert spoken(held, 100.5) == (
        "3 by c.py:12 (longest 2.5 s), 2 by b.py:11 (longest 1.5 s), 1 by a.py:10 (longest 0.5 s)"
        " and 1 places more"
    )


def test_the_place_is_the_caller_outside_of_the_runtime() -> None:
    place = calling_place(time.monotonic())
    assert str(place).startswith("test_holders.py:")
