"""Keeps what is searched in step with the things themselves, in the transaction that writes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence, Set
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
# Words stay when the last thing that had them goes: they are what was typed once, and few. In one order, as
# keys are: who adds the same ones waits, and waits for nothing that we need.
_WORDS = """
), words AS (
  INSERT INTO crm.search_words (organization_id, word) SELECT $1, word FROM unnest($2::text[]) AS word
      ON CONFLICT DO NOTHING RETURNING word
)
INSERT INTO crm.search_keys (organization_id, key, word)
SELECT $1, k.key, k.word FROM words JOIN unnest($3::text[], $4::text[]) AS k (key, word) USING (word)
 ORDER BY k.key, k.word
    ON CONFLICT DO NOTHING
"""
_PUT = f"""
WITH removed AS (
  DELETE FROM crm.search_postings AS p USING unnest($11::bigint[], $12::uuid[]) AS old (term, object_id)
   WHERE p.organization_id = $1 AND p.term = old.term AND p.object_id = old.object_id
), entries AS (
  INSERT INTO crm.search_entries (organization_id, object_id, kind, title, detail, words, marks)
  SELECT $1, e.* FROM unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) AS e
      ON CONFLICT (organization_id, object_id) DO UPDATE
     SET title = EXCLUDED.title, detail = EXCLUDED.detail, words = EXCLUDED.words, marks = EXCLUDED.marks
), added AS (
  INSERT INTO crm.search_postings (organization_id, term, object_id)
  SELECT $1, new.* FROM unnest($13::bigint[], $14::uuid[]) AS new
      ON CONFLICT DO NOTHING
{_WORDS}"""
# What is new has nothing that it could conflict with. Postings are added in the order of their index, so that
# those of one term, and of one page, come together.
_ADD = f"""
WITH entries AS (
  INSERT INTO crm.search_entries (organization_id, object_id, kind, title, detail, words, marks)
  SELECT $1, e.object_id, $5, e.title, e.detail, e.words, e.marks
    FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[])
         AS e (object_id, title, detail, words, marks)
), added AS (
  INSERT INTO crm.search_postings (organization_id, term, object_id)
  SELECT $1, new.term, ($6::uuid[])[new.place] FROM unnest($11::bigint[], $12::integer[]) AS new (term, place)
   ORDER BY 2, 3
{_WORDS}"""
#: Words, of all organizations, that a process knows to be there.
_MOST_KNOWN = 200_000


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
        #: What was committed, and stays: it is not sent again.
        self._known: set[tuple[object, str]] = set()

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
        """One statement where all are new, and where they are not, two more to know what is there."""
        live = [each for each in things if each.get("archived_at") is None]
        held: Mapping[uuid.UUID, Subject] = {}
        points: Mapping[uuid.UUID, Points] = {}
        if not new:
            held = await self._held(session, [each["id"] for each in live])
            points = await self._points(session, source, live)
        subjects = [source.subject(each, points.get(each["id"], ((), ()))) for each in live]
        used = {(session.tenant, word) for each in subjects for word in each.words}
        words = sorted(word for _, word in used - self._known)
        keys = sorted((key, word) for word in words for key in keys_of(word))
        if new:
            statement, values = _ADD, _added(source.records.resource.name, live, subjects)
        else:
            statement, values = _PUT, _replaced(held, live, subjects)
        await session.execute(statement, session.tenant, words, *_columns(keys, 2), *values)
        if words:
            session.after_commit(lambda: self._learn(used))

    def _learn(self, words: Set[tuple[object, str]]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known |= words

    async def _points(
        self, session: Session, source: Source, things: Sequence[Mapping[str, Any]]
    ) -> Mapping[uuid.UUID, Points]:
        if source.points is None:
            return {}
        found: Mapping[uuid.UUID, Points] = await source.points(session, [each["id"] for each in things])
        return found

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


def _added(kind: str, things: Sequence[Mapping[str, Any]], subjects: Sequence[Subject]) -> list[Any]:
    """What _ADD takes."""
    entries = [(s.title, s.detail, " ".join(s.words), " ".join(s.marks)) for s in subjects]
    terms = [(term, place) for place, each in enumerate(subjects, 1) for term in each.terms]
    return [kind, [each["id"] for each in things], *_columns(entries, 4), *_columns(terms, 2)]


def _replaced(
    held: Mapping[uuid.UUID, Subject], things: Sequence[Mapping[str, Any]], subjects: Sequence[Subject]
) -> list[Any]:
    """What _PUT takes."""
    now = {each["id"]: subject for each, subject in zip(things, subjects, strict=True)}
    had = {id: held[id].terms if id in held else frozenset() for id in now}
    entries = [(id, s.kind, s.title, s.detail, " ".join(s.words), " ".join(s.marks)) for id, s in now.items()]
    old = [(term, id) for id, s in now.items() for term in had[id] - s.terms]
    added = [(term, id) for id, s in now.items() for term in s.terms - had[id]]
    return [*_columns(entries, 6), *_columns(old, 2), *_columns(added, 2)]


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


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(width)]
