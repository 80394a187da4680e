"""The page on the guard, run."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import UnboundTenantError
from tenfold.runtime import Database
from tests.db.runtime.pages import names_of

PAGE = Path(__file__).parents[3] / "docs/how-to/guard-statements.md"


@pytest.fixture
async def page(notes: str, driver: Any) -> AsyncIterator[dict[str, Any]]:
    found = names_of(PAGE.name)
    guards = found["GUARDS"]
    async with (
        Database(notes, driver=driver, guard=guards["development"]) as db,
        Database(notes, driver=driver, guard=guards["production"]) as watching,
    ):
        found.update(db=db, watching=watching)
        yield found
    await found["tenants"]._engine.dispose()


async def test_the_functions_of_the_page_do_what_it_says(page: dict[str, Any]) -> None:
    assert len(await page["bodies"](7)) == 10
    with pytest.raises(UnboundTenantError) as caught:
        await page["forgetful"](7)
    said = re.search(r"^UnboundTenantError: (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert said is not None and caught.value.message == said[1]
    with pytest.raises(UnboundTenantError, match="another tenant"):
        await page["confused"](7, 8)
    assert await page["busiest"](7) == 10
    await page["upsert"](7, 2, "new")
    assert "new" in await page["bodies"](7)
    assert await page["faults"](7) == {"SELECT body FROM notes WHERE id = ?": 3}
