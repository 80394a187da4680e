"""A search, in two statements whose work is bounded: which words were meant, and which things have them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.crm.search.asked import Typed, meant, score, terms, typed
from tenfold_hub.crm.search.words import keys_of

MOST = 20
#: Things that are compared with what was typed: those that the most of what it may mean leads to.
_CANDIDATES = 100
_FITS = 0.3

_WORDS = """
SELECT asked.place, found.word
  FROM unnest($2::integer[], $3::text[]) AS asked (place, key)
 CROSS JOIN LATERAL (
        SELECT word FROM crm.search_keys AS k WHERE k.organization_id = $1 AND k.key = asked.key LIMIT 100
       ) AS found
 UNION
SELECT asked.place, found.word
  FROM unnest($4::integer[], $5::text[], $6::text[]) AS asked (place, first, last)
 CROSS JOIN LATERAL (
        SELECT word FROM crm.search_words AS w
         WHERE w.organization_id = $1 AND w.word >= asked.first AND w.word < asked.last
         ORDER BY word LIMIT 100
       ) AS found
"""
# Of a term that very many things have, the newest are looked at; who types two words has them looked up as
# a pair, which few things have.
_THINGS = f"""
WITH found AS (
  SELECT thing.object_id, sum(asked.weight) AS weight
    FROM unnest($2::bigint[], $3::float8[], $4::integer[]) AS asked (term, weight, most)
   CROSS JOIN LATERAL (
          SELECT p.object_id FROM crm.search_postings AS p
           WHERE p.organization_id = $1 AND p.term = asked.term
           ORDER BY p.object_id DESC LIMIT asked.most
         ) AS thing
   GROUP BY thing.object_id ORDER BY weight DESC, thing.object_id DESC LIMIT {_CANDIDATES}
)
SELECT e.object_id, e.kind, e.title, e.detail, e.words, e.marks, c.id AS contact_id
  FROM found
  JOIN crm.search_entries AS e ON e.organization_id = $1 AND e.object_id = found.object_id
  LEFT JOIN crm.contacts AS c
         ON c.organization_id = $1 AND c.person_id = found.object_id AND c.archived_at IS NULL
        AND e.kind = 'people'
"""
#: Beyond all letters, so that a range holds everything that begins alike.
_BEYOND = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing that was found: of which resource, what it is called, and how well it fits, from 0 to 1."""

    kind: str
    id: uuid.UUID
    title: str
    detail: str | None
    score: float


async def find(session: Session, text: str, kinds: Sequence[str], limit: int = MOST) -> list[Hit]:
    """The best first. Contacts are found by their person."""
    asked = typed(text)
    words = meant(asked, await _words(session, asked))
    sources = sorted({"people" if kind == "contacts" else kind for kind in kinds})
    wanted = terms(asked, words, sources)
    if not wanted:
        return []
    rows = await session.fetch(
        _THINGS,
        session.tenant,
        list(wanted),
        [weight for weight, _ in wanted.values()],
        [most for _, most in wanted.values()],
    )
    hits = [hit for row in rows for hit in _hits(asked, row, kinds)]
    hits.sort(key=lambda hit: (-hit.score, hit.title.casefold(), hit.id))
    return hits[:limit]


async def _words(session: Session, asked: Typed) -> list[tuple[int, str]]:
    if not asked.words:
        return []
    keys = [(place, key) for place, word in enumerate(asked.words) for key in keys_of(word)]
    begun = [(place, word) for place, word in enumerate(asked.words) if len(word) > 1]
    rows = await session.fetch(
        _WORDS,
        session.tenant,
        [place for place, _ in keys],
        [key for _, key in keys],
        [place for place, _ in begun],
        [word for _, word in begun],
        [word + _BEYOND for _, word in begun],
    )
    return [(row["place"], row["word"]) for row in rows]


def _hits(asked: Typed, row: Any, kinds: Sequence[str]) -> list[Hit]:
    fits = round(score(asked, row["words"].split(), row["marks"].split()), 3)
    if fits < _FITS:
        return []
    found = {row["kind"]: row["object_id"]}
    if row["contact_id"] is not None:
        found["contacts"] = row["contact_id"]
    return [Hit(kind, id, row["title"], row["detail"], fits) for kind, id in found.items() if kind in kinds]
