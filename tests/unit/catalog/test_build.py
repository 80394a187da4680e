from __future__ import annotations

import msgspec
import pytest

from tenfold.catalog.build import build


class Plain(msgspec.Struct, frozen=True):
    oid: int
    name: str | None


class Listing(msgspec.Struct, frozen=True):
    oid: int
    columns: tuple[int, ...]
    name: str
    labels: tuple[str, ...] | None = None


def test_a_row_becomes_a_struct_field_by_field() -> None:
    assert build(Plain, [(1, "a"), [2, None]]) == (Plain(1, "a"), Plain(2, None))


def test_arrays_become_tuples_and_none_stays() -> None:
    assert build(Listing, [(1, [3, 4], "a", ["x"]), (2, [], "b", None)]) == (
        Listing(1, (3, 4), "a", ("x",)),
        Listing(2, (), "b", None),
    )


def test_no_rows_give_nothing() -> None:
    assert build(Listing, []) == ()


@pytest.mark.parametrize("row", [(1,), (1, "a", "too many")])
def test_a_query_that_does_not_fit_its_struct_is_a_mistake_of_ours(row: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        build(Plain, [row])
