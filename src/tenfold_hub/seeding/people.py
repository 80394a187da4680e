"""Rows of identity: people."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold_hub.identity.names import name_key
from tenfold_hub.seeding.batch import NULL, Batch, Rows, moment, text

_STAGES = ("subscriber", "lead", "qualified", "opportunity", "customer", "evangelist", "other")
_SHARES = (30, 25, 12, 8, 20, 2, 3)


def rows(batch: Batch) -> Iterator[Rows]:
    people = Rows(
        ("identity", "people"),
        (
            *("organization_id", "id", "created_at", "updated_at", "given_name", "family_name", "name_key"),
            *("email", "email_normal", "phone", "phone_normal", "lifecycle_stage"),
        ),
    )
    stages = batch.random.choices(_STAGES, _SHARES, k=batch.count)
    for person, stage in zip(batch.people, stages, strict=True):
        at = moment(person.ms)
        phone = person.phone or NULL
        people.lines.append(
            f"{batch.organization}\t{person.id}\t{at}\t{at}\t{person.given}\t{person.family}"
            f"\t{text(name_key(person.given, person.family))}\t{person.email}\t{person.email}"
            f"\t{phone}\t{phone}\t{stage}\n"
        )
    yield people
