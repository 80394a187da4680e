"""Keeps what is searched in step with the things themselves, in the transaction that writes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tenfold.runtime import Session
from tenfold_hub.crm.search.words import Subject, keys_of, subject
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.records import Follow, Records

#: E-mail addresses and phone numbers, in their normal form, that a thing has besides its own.
Points: TypeAlias = tuple[Sequence[str], Sequence[str]]

_ENTRIES = """
SELECT object_id, kind, words, marks FROM crm.search_entries
 WHERE organization_id = $1 AND object_id = ANY($2::uuid[]) ORDER BY object_id FOR UPDATE
"""
_REMOVE = """
WITH entries AS (
  DELETE FROM crm.search_entries WHERE organization_id = $1 AND object_id = ANY($2::uuid[])
)
DELETE FROM crm.search_postings AS p USING unnest($3::bigint[], $4::uuid[]) AS old (term, object_id)
 WHERE p.organization_id = $1 AND p.term = old.term AND p.object_id = old.object_id
"""
# Words stay when the last thing that had them goes: they are what was typed once, and few.
_PUT = """
WITH removed AS (
  DELETE FROM crm.search_postings AS p USING unnest($8::bigint[], $9::uuid[]) AS old (term, object_id)
   WHERE p.organization_id = $1 AND p.term = old.term AND p.object_id = old.object_id
), entries AS (
  INSERT INTO crm.search_entries (organization_id, object_id, kind, title, detail, words, marks)
  SELECT $1, e.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS e
      ON CONFLICT (organization_id, object_id) DO UPDATE
     SET title = EXCLUDED.title, detail = EXCLUDED.detail, words = EXCLUDED.words, marks = EXCLUDED.marks
), added AS (
  INSERT INTO crm.search_postings (organization_id, term, object_id)
  SELECT $1, new.* FROM unnest($10::bigint[], $11::uuid[]) AS new
      ON CONFLICT DO NOTHING
)
INSERT INTO crm.search_words (organization_id, word) SELECT $1, word FROM unnest($12::text[]) AS word
    ON CONFLICT DO NOTHING RETURNING word
"""
_KEYS = """
INSERT INTO crm.search_keys (organization_id, key, word)
SELECT $1, k.* FROM unnest($2::text[], $3::text[]) AS k ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Things that are searched: what finds each, and the columns that this is made of."""

    records: Records
    columns: frozenset[str]
    subject: Callable[[Mapping[str, Any], Points], Subject]
    #: What they have besides their own columns.
    points: Callable[[Session, Sequence[uuid.UUID]], Any] | None = None


class Index:
    """What is searched of one hub, by the name of the resource."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def add(self, source: Source) -> None:
        """From now on, what is written there is found."""
        self._sources[source.records.resource.name] = source
        source.records.follow.append(self._follow(source))

    async def refresh(self, session: Session, kind: str, ids: Sequence[uuid.UUID]) -> None:
        """Of things whose points changed."""
        source = self._sources[kind]
        if ids:
            rows = await source.records.rows.get(session, ids)
            await self._put(session, source, [source.records.rows.values(row) for row in rows.values()])

    def _follow(self, source: Source) -> Follow:
        async def follow(session: Session, _: Principal, changes: Sequence[Change]) -> None:
            put, new, gone = [], True, []
            for change in changes:
                if change.after is None or change.after.get("archived_at") is not None:
                    gone.append(change.id)
                elif change.action != "updated" or source.columns.intersection(change.fields):
                    put.append(change.after)
                    new = new and change.action == "created"
            if gone:
                await self._remove(session, gone)
            if put:
                await self._put(session, source, put, new=new)

        return follow

    async def _put(
        self, session: Session, source: Source, things: Sequence[Mapping[str, Any]], *, new: bool = False
    ) -> None:
        """A statement where all are new; another one for words that nobody used before."""
        live = [each for each in things if each.get("archived_at") is None]
        ids = [each["id"] for each in live]
        points: Mapping[uuid.UUID, Points] = {}
        held: dict[uuid.UUID, Subject] = {}
        if not new:
            held = await self._held(session, ids)
            if source.points is not None:
                points = await source.points(session, ids)
        subjects = {each["id"]: source.subject(each, points.get(each["id"], ((), ()))) for each in live}
        old = [(term, id) for id, was in held.items() for term in was.terms - subjects[id].terms]
        none: frozenset[int] = frozenset()
        added = [
            (term, id)
            for id, is_ in subjects.items()
            for term in is_.terms - (held[id].terms if id in held else none)
        ]
        words = sorted({word for each in subjects.values() for word in each.words})
        rows = await session.fetch(
            _PUT,
            session.tenant,
            list(subjects),
            *_columns(
                [
                    (s.kind, s.title, s.detail, " ".join(s.words), " ".join(s.marks))
                    for s in subjects.values()
                ],
                5,
            ),
            *_columns(old, 2),
            *_columns(added, 2),
            words,
        )
        if rows:
            # In one order, as words are: who adds the same ones waits, and waits for nothing that we need.
            keys = sorted((key, row["word"]) for row in rows for key in keys_of(row["word"]))
            await session.execute(_KEYS, session.tenant, *_columns(keys, 2))

    async def _remove(self, session: Session, ids: Sequence[uuid.UUID]) -> None:
        held = await self._held(session, ids)
        if held:
            old = [(term, id) for id, was in held.items() for term in was.terms]
            await session.execute(_REMOVE, session.tenant, list(held), *_columns(old, 2))

    async def _held(self, session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Subject]:
        rows = await session.fetch(_ENTRIES, session.tenant, list(ids))
        return {
            row["object_id"]: Subject(
                row["kind"], "", None, tuple(row["words"].split()), tuple(row["marks"].split())
            )
            for row in rows
        }


def of_person(values: Mapping[str, Any], points: Points) -> Subject:
    name = " ".join(filter(None, (values.get("given_name"), values.get("family_name"))))
    emails, phones = points
    return subject(
        "people",
        name or values.get("email") or values.get("phone") or "",
        detail=values.get("email") or values.get("phone"),
        emails=[values.get("email_normal"), *emails],
        phones=[values.get("phone_normal"), *phones],
    )


def of_company(values: Mapping[str, Any], points: Points) -> Subject:
    emails, phones = points
    return subject(
        "companies",
        values["name"],
        detail=values.get("domain"),
        emails=emails,
        phones=phones,
        domains=[values.get("domain")],
    )


def _entry(subject: Subject) -> tuple[Any, ...]:
    words, marks = " ".join(subject.words), " ".join(subject.marks)
    return subject.kind, subject.title, subject.detail, words, marks


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(width)]
