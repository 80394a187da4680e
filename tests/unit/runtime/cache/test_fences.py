"""A ticket that was breached stays breached, and closed tickets leave nothing behind."""

from __future__ import annotations

from tenfold.runtime.cache.fences import Fences


def test_a_breach_of_any_of_its_names_ends_a_ticket() -> None:
    fences = Fences()
    tickets = [fences.open(["value", "scope", "tag"]) for _ in range(3)]
    other = fences.open(["another", "scope two"])
    fences.breach(["tag"])
    assert [ticket.valid for ticket in tickets] == [False] * 3
    assert other.valid


def test_who_begins_after_the_breach_is_not_touched_by_it() -> None:
    fences = Fences()
    early = fences.open(["value"])
    fences.breach(["value"])
    late = fences.open(["value"])
    assert (early.valid, late.valid) == (False, True)


def test_an_extended_ticket_depends_on_the_new_names_too() -> None:
    fences = Fences()
    ticket = fences.open(["value"])
    fences.extend(ticket, ["tag"])
    fences.breach(["tag"])
    assert not ticket.valid
    fences.close(ticket)
    assert len(fences) == 0


def test_all_are_breached_together() -> None:
    fences = Fences()
    tickets = [fences.open([name]) for name in "abc"]
    fences.breach_all()
    assert not any(ticket.valid for ticket in tickets)


def test_closing_one_keeps_the_others_guarded() -> None:
    fences = Fences()
    first, second = fences.open(["value"]), fences.open(["value"])
    fences.close(first)
    fences.close(first)
    fences.breach(["value"])
    assert not second.valid
    fences.close(second)
    assert len(fences) == 0
