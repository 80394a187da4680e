"""What a Refresher refuses before it asks a server."""

from __future__ import annotations

import pytest

from tenfold.errors import ReadModelError, UsageError
from tenfold.runtime import Database
from tenfold.runtime.read_models import ReadModel, Refresher

DB = Database("postgresql://owner@localhost/product")


def model(name: str, schema: str = "public") -> ReadModel:
    return ReadModel(name=name, query="TABLE a", tenant_column="team", key=("team",), schema=schema)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="one name"):
        Refresher(DB, [model("a"), model("a", "crm")])


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan")])
def test_a_jitter_that_is_no_share_is_refused(jitter: float) -> None:
    with pytest.raises(UsageError, match="jitter"):
        Refresher(DB, [], jitter=jitter)


async def test_one_that_is_not_open_refreshes_nothing() -> None:
    with pytest.raises(ReadModelError, match="not open"):
        await Refresher(DB, [model("a")]).refresh("a")
    with pytest.raises(ReadModelError, match="not open"):
        await Refresher(DB, [model("a")]).refresh_due()
