"""The first level keeps what was used, within its bound, and forgets all that it is told to."""

from __future__ import annotations

from tenfold.runtime.cache.local import Entry, Local
from tenfold.runtime.cache.statistics import SpaceCounts


def entry(name: str, counts: SpaceCounts | None = None) -> Entry:
    return Entry(name, name.upper(), counts or SpaceCounts(), 0, 10, 10)


def test_the_bound_holds_and_what_was_not_used_goes_first() -> None:
    local = Local(3)
    for name in "abc":
        local.put(entry(name), [])
    for name in "ac":
        local.get(name).uses += 1
    local.put(entry("d"), [])
    assert [name for name in "abcd" if local.get(name)] == ["a", "c", "d"]
    assert (len(local), local.evictions) == (3, 1)


def test_a_use_saves_an_entry_once() -> None:
    local = Local(2)
    local.put(entry("a"), [])
    local.get("a").uses += 1
    for name in "bcde":
        local.put(entry(name), [])
    assert local.get("a") is None


def test_where_all_were_used_the_oldest_goes() -> None:
    local = Local(3)
    for name in "abc":
        local.put(entry(name), [])
        local.get(name).uses += 5
    local.put(entry("d"), [])
    assert [name for name in "abcd" if local.get(name)] == ["b", "c", "d"]


def test_a_parent_takes_its_children_along_and_nobody_else() -> None:
    local = Local(10)
    local.put(entry("a"), ["scope", "tag"])
    local.put(entry("b"), ["scope"])
    local.put(entry("c"), ["other"])
    local.drop(["tag"])
    assert [name for name in "abc" if local.get(name)] == ["b", "c"]
    local.drop(["scope"])
    assert [name for name in "abc" if local.get(name)] == ["c"]


def test_nothing_is_left_behind_by_what_goes() -> None:
    local, shelf = Local(2), {}
    for number in range(50):
        each = entry(str(number))
        local.put(each, [f"tag {number}"])
        local.remember(each, shelf, number)
    assert (len(local), len(shelf), len(local._children)) == (2, 2, 2)
    local.clear()
    assert (len(local), shelf, local._children) == (0, {}, {})


def test_an_entry_that_is_gone_is_not_laid_on_a_shelf() -> None:
    local, shelf, gone = Local(2), {}, entry("a")
    local.put(gone, [])
    local.put(entry("a"), [])
    local.remember(gone, shelf, "a")
    assert shelf == {}


def test_a_replaced_entry_leaves_the_shelf() -> None:
    local, shelf, first = Local(2), {}, entry("a")
    local.put(first, [])
    local.remember(first, shelf, "form")
    local.put(entry("a"), [])
    assert shelf == {}


def test_hits_count_once_whatever_becomes_of_the_entry() -> None:
    local, counts = Local(1), SpaceCounts()
    local.put(entry("a", counts), [])
    local.get("a").uses += 3
    local.harvest()
    local.harvest()
    assert counts.local_hits == 3
    local.get("a").uses += 2
    local.put(entry("b"), [])
    local.clear()
    assert counts.local_hits == 5
