"""Rows of search: what people and companies are found by. They are most of the rows, and of the time."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold_hub.crm.search.index import of_company, of_person
from tenfold_hub.crm.search.words import Subject, keys_of
from tenfold_hub.seeding.batch import Batch, Rows, text


def rows(batch: Batch) -> Iterator[Rows]:
    entries = Rows(
        ("crm", "search_entries"),
        ("organization_id", "object_id", "kind", "title", "detail", "words", "marks"),
    )
    postings = Rows(("crm", "search_postings"), ("organization_id", "term", "object_id"))
    known = batch.made.setdefault("words", set())
    new: set[str] = set()
    for id, subject in _subjects(batch):
        words, marks = " ".join(subject.words), " ".join(subject.marks)
        entries.lines.append(
            f"{batch.organization}\t{id}\t{subject.kind}\t{subject.title}\t{text(subject.detail)}\t{words}\t{marks}\n"
        )
        postings.lines += [f"{batch.organization}\t{term}\t{id}\n" for term in subject.terms]
        new.update(word for word in subject.words if word not in known)
    known |= new
    yield entries
    yield postings
    yield Rows(
        ("crm", "search_words"),
        ("organization_id", "word"),
        [f"{batch.organization}\t{word}\n" for word in sorted(new)],
    )
    yield Rows(
        ("crm", "search_keys"),
        ("organization_id", "key", "word"),
        [f"{batch.organization}\t{key}\t{word}\n" for word in sorted(new) for key in keys_of(word)],
    )


def _subjects(batch: Batch) -> Iterator[tuple[str, Subject]]:
    for person in batch.people:
        named = {"given_name": person.given, "family_name": person.family, "email": person.email}
        normal = {"email_normal": person.email, "phone_normal": person.phone}
        yield person.id, of_person(named | normal, ((), ()))
    for company in batch.companies:
        yield company.id, of_company({"name": company.name, "domain": company.domain}, ((), ()))
