"""What covers what, told of examples and of all shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.migrate.index_shape import Shape, covers, shape_of_wish
from tenfold.model.remedy import CreateIndex, Key, Table
from tests.unit.migrate.schema import wish


@pytest.mark.parametrize(
    ("one", "other", "covered"),
    [
        (wish("t", "a", "b"), wish("t", "a"), True),
        (wish("t", "a"), wish("t", "a", "b"), False),
        (wish("t", "a", "b"), wish("t", "b"), False),
        (wish("t", "a"), wish("u", "a"), False),
        (wish("t", "a desc", "b desc"), wish("t", "a", "b"), True),
        (wish("t", "a desc", "b"), wish("t", "a", "b"), False),
        (wish("t", "a desc"), wish("t", "a"), True),
        (wish("t", "a", "b"), wish("t", "a", include=("b",)), True),
        (wish("t", "a"), wish("t", "a", include=("b",)), False),
        (wish("t", "a", include=("b", "c")), wish("t", "a", include=("c",)), True),
        (wish("t", "a"), wish("t", "a", where="b IS NULL"), True),
        (wish("t", "a", where="b IS NULL"), wish("t", "a"), False),
        (wish("t", "a", where="((b IS  NULL))"), wish("t", "a", where="b IS NULL"), True),
        (wish("t", "a", where="(b) OR (c)"), wish("t", "a", where="b OR c"), False),
        (wish("t", "a", unique=True), wish("t", "a"), True),
        (wish("t", "a"), wish("t", "a", unique=True), False),
        (wish("t", "a", "b", unique=True), wish("t", "a", unique=True), False),
        (wish("t", "a desc", "b desc", unique=True), wish("t", "a", "b", unique=True), True),
        (wish("t", "b", "a", unique=True), wish("t", "a", "b", unique=True), False),
        (wish("t", "a", unique=True), wish("t", "a", unique=True, where="b"), False),
        (wish("t", "a", "b", method="gin"), wish("t", "a", method="gin"), False),
        (wish("t", "a", method="gin"), wish("t", "a"), False),
    ],
)
def test_covers(one: CreateIndex, other: CreateIndex, covered: bool) -> None:
    assert covers(shape_of_wish(one), shape_of_wish(other)) is covered


def test_an_operator_class_is_the_same_with_its_schema() -> None:
    def trigram(name: str) -> Shape:
        key = Key(column="a", opclass=name)
        return shape_of_wish(CreateIndex(table=Table("public", "t"), keys=(key,), method="gin"))

    assert covers(trigram("public.gin_trgm_ops"), trigram("gin_trgm_ops"))


_KEYS = st.lists(
    st.builds(Key, column=st.sampled_from("abc"), descending=st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda key: key.column,
)
_SHAPES = st.builds(
    lambda keys, include, where, unique: shape_of_wish(
        CreateIndex(
            table=Table("public", "t"),
            keys=tuple(keys),
            include=tuple(sorted(include - {key.column for key in keys})),
            where=where,
            unique=unique,
        )
    ),
    _KEYS,
    st.sets(st.sampled_from("bcd"), max_size=2),
    st.sampled_from([None, "x"]),
    st.booleans(),
)


@given(_SHAPES)
def test_each_covers_itself(shape: Shape) -> None:
    assert covers(shape, shape)


@given(_SHAPES, _SHAPES, _SHAPES)
def test_what_covers_a_coverer_covers(one: Shape, other: Shape, third: Shape) -> None:
    """Else a drop could rest on an index that is itself dropped for another."""
    if covers(one, other) and covers(other, third):
        assert covers(one, third)
