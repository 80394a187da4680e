"""The page on paging, loading and writing many rows, run."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.errors import CursorError, UsageError
from tenfold.runtime import Database
from tests.db.runtime.pages import names_of


@pytest.fixture
def shown_on(db: Database) -> dict[str, Any]:
    found = names_of("page-and-batch.md")
    found["db"] = db
    return found


async def test_pages_follow_each_other_and_belong_to_their_tenant(shown_on: dict[str, Any]) -> None:
    notes = shown_on["notes"]
    first, cursor = await notes(7)
    second, _ = await notes(7, cursor)
    assert first + second == [f"note {n}" for n in (20, 18, 16, 14, 12, 10)]
    with pytest.raises(CursorError):
        await notes(8, cursor)


async def test_the_index_of_the_page_serves_its_order(shown_on: dict[str, Any]) -> None:
    await shown_on["check"](7)


async def test_an_export_has_every_row_once(shown_on: dict[str, Any]) -> None:
    assert await shown_on["all_of"](7) == 10


async def test_what_is_asked_for_one_by_one_is_fetched_together(shown_on: dict[str, Any]) -> None:
    assert await shown_on["shown"](7) == ["note 2", "note 4", None, "note 2"]


async def test_many_rows_are_written_but_those_at_fault(shown_on: dict[str, Any]) -> None:
    written, faults = await shown_on["add_many"](7, [(100, "a"), (2, "there already"), (101, "b")])
    assert written == 2
    assert faults == ["row 1: constraint notes_pkey (23505)"]


async def test_a_client_gets_the_columns_that_are_declared(shown_on: dict[str, Any]) -> None:
    (first, *_) = await shown_on["details"](7, ["body"])
    assert first == {"id": 2, "body": "note 2"}
    with pytest.raises(UsageError, match="boddy"):
        await shown_on["details"](7, ["boddy"])
