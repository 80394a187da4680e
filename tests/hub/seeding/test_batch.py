"""Made-up people are the same each time, and nobody's address or number."""

from __future__ import annotations

import re
import uuid

import phonenumbers

from tenfold_hub.identity.normal import email_normal, phone_normal
from tenfold_hub.seeding.batch import Batch
from tenfold_hub.seeding.loading import MAKERS, SEARCH

UNTIL = 1_760_000_000_000
#: RFC 2606: these names are nobody's.
_EXAMPLE = re.compile(r"(\.|^)(example|example\.com)\Z")


def batch(seed: str = "1/0", first: int = 0, count: int = 400) -> Batch:
    return Batch(uuid.UUID(int=7).hex, seed, first, count, 1000, UNTIL)


def rows(made: Batch) -> list[str]:
    return [line for maker in MAKERS + SEARCH for each in maker(made) for line in each.lines]


def test_the_same_seed_makes_the_same_rows() -> None:
    assert rows(batch()) == rows(batch())
    assert rows(batch()) != rows(batch("2/0"))


def test_e_mails_and_domains_are_examples() -> None:
    made = batch()
    assert all(_EXAMPLE.search(person.email.partition("@")[2]) for person in made.people)
    assert all(_EXAMPLE.search(company.domain) for company in made.companies)


def test_what_is_stored_as_normal_is_normal() -> None:
    for person in batch().people:
        assert email_normal(person.email) == person.email
        assert person.phone is None or phone_normal(person.phone) == person.phone


def test_phone_numbers_are_possible_and_few_people_share_one() -> None:
    numbers = [person.phone for person in batch().people if person.phone]
    assert len(set(numbers)) > 0.95 * len(numbers)
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(number)) for number in numbers)


def test_ids_are_of_version_7_and_their_time_is_that_of_their_row() -> None:
    for person in batch().people:
        id = uuid.UUID(person.id)
        assert (id.version, id.variant) == (7, uuid.RFC_4122)
        assert id.int >> 80 == person.ms <= UNTIL


def test_what_an_organization_has_once_is_the_same_in_all_its_batches() -> None:
    assert batch().shared("stage", 3) == batch(first=400).shared("stage", 3)
    assert batch().shared("stage", 3) != batch("1/1").shared("stage", 3)


def test_a_person_alone_has_a_company_to_choose() -> None:
    alone = Batch(uuid.UUID(int=7).hex, "1/9", 0, 1, 1, UNTIL)
    assert len(alone.people) == len(alone.companies) == 1
    assert rows(alone)
