"""Made-up values are of the column's type, in the order of their ranks, or none at all."""

from __future__ import annotations

import pytest

from tenfold.model.relations import Column, ColumnStatistics, Type
from tenfold.model.snapshot import Snapshot
from tenfold.twin.made_up import made_up_value, with_made_up_values
from tests.unit.rules.build import DATABASE, SERVER, column, table

#: Ranks as a list of most common values and a histogram have them.
RANKS = tuple(str(rank) for rank in range(101))


def statistics(relation: int = 1, number: int = 1) -> ColumnStatistics:
    return ColumnStatistics(
        relation=relation,
        number=number,
        inherited=False,
        null_frac=0.0,
        avg_width=8,
        n_distinct=-0.5,
        common_values=("0", "1"),
        common_frequencies=(0.5, 0.1),
        histogram=RANKS,
        correlation=0.7,
        common_elements=("0", "1"),
        common_element_frequencies=(0.5, 0.1, 0.1, 0.5),
    )


def snapshot(*columns: Column, types: tuple[Type, ...] = ()) -> Snapshot:
    return Snapshot(
        server=SERVER, database=DATABASE, relations=(table(1),), columns=columns, types=types, redacted=True
    )


def made_up(type_name: str, **fields: object) -> ColumnStatistics:
    whole = snapshot(column(1, 1, "c", type_name, **fields))
    return with_made_up_values(whole, (statistics(),))[0]


@pytest.mark.parametrize(
    "type_name",
    [
        *("text", "character varying(20)", "character(3)", "citext", "public.citext", "uuid", "date"),
        *("timestamp(3) with time zone", "timestamp without time zone", "time without time zone"),
        *("bytea", "bit(7)", "jsonb", "name"),
    ],
)
def test_what_is_compared_as_text_is_in_order(type_name: str) -> None:
    histogram = made_up(type_name).histogram
    assert histogram is not None
    assert len(set(histogram)) == len(RANKS)
    assert list(histogram) == sorted(histogram)


@pytest.mark.parametrize(
    ("type_name", "third"),
    [
        *(("integer", "3"), ("bigint", "3"), ("numeric(10,2)", "0.03"), ("numeric(4,0)", "3")),
        *(("double precision", "3"), ("text", "0000000003"), ("character varying(5)", "00003")),
        *(("uuid", "00000000-0000-0000-0000-000000000003"), ("date", "2000-01-04"), ("inet", "10.0.0.3")),
        *(("timestamp with time zone", "2000-01-01 03:00:00+00"), ("interval", "3 hours")),
        *(("jsonb", '"0000000003"'), ("bytea", "\\x00000003")),
        *(("integer[]", "{3}"), ("text[]", "{0000000003}")),
    ],
)  # fmt: skip
def test_each_type_has_its_form(type_name: str, third: str) -> None:
    assert made_up_value(snapshot(), column(1, 1, "c", type_name), "3") == third


@pytest.mark.parametrize(
    "type_name", ["point", "public.vector(3)", "int4range", "character varying(1)", "bit(3)"]
)
def test_where_one_cannot_be_made_there_is_none(type_name: str) -> None:
    """A list with gaps would be another list; frequencies without values would be refused."""
    row = made_up(type_name)
    assert row.histogram is None
    if type_name not in ("character varying(1)", "bit(3)"):  # they have room for two values
        assert (row.common_values, row.common_frequencies) == (None, None)


def test_figures_stay() -> None:
    row = made_up("uuid")
    before = statistics()
    assert (row.common_frequencies, row.correlation) == (before.common_frequencies, before.correlation)
    assert (row.n_distinct, row.avg_width) == (before.n_distinct, before.avg_width)


def test_elements_are_of_the_elements_type() -> None:
    assert made_up("uuid[]").common_elements == (
        "00000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-000000000001",
    )
    assert made_up("tsvector").common_elements == ("0000000000", "0000000001")
    row = made_up("integer")
    assert (row.common_elements, row.common_element_frequencies) == (None, None)


def test_what_is_no_rank_stays() -> None:
    whole = snapshot(column(1, 1, "c", "app.mood", type_kind="e"))
    assert made_up_value(whole, column(1, 1, "c", "app.mood", type_kind="e"), "sad") == "sad"
    assert made_up_value(whole, column(1, 1, "c", "boolean"), "t") == "t"
    assert made_up_value(whole, column(1, 1, "c", "integer"), "-17") == "-17"
    assert made_up_value(whole, column(1, 1, "c", "date"), "2001-02-03") == "2001-02-03"


def test_a_domain_is_what_it_is_made_of() -> None:
    inner = Type(oid=71, schema="app", name="key", kind="d", base="uuid")
    outer = Type(oid=72, schema="app", name="team_key", kind="d", base="app.key")
    of_domain = column(1, 1, "c", "app.team_key", type_oid=72, type_kind="d")
    whole = snapshot(of_domain, types=(inner, outer))
    assert made_up_value(whole, of_domain, "9") == "00000000-0000-0000-0000-000000000009"


def test_an_indexs_expression_is_of_the_type_that_is_told() -> None:
    told, untold = with_made_up_values(
        snapshot(), (statistics(5, 1), statistics(5, 2)), expression_types={(5, 1): "text"}
    )
    assert told.common_values == ("0000000000", "0000000001")
    assert untold.common_values is None
