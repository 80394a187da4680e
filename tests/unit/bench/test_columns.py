from __future__ import annotations

import datetime
import json
import re
from random import Random
from typing import Any

import pytest

from tenfold.bench.columns import (
    NULL,
    Demand,
    column_values,
    copy_text,
    left_to_server,
    time_text,
    times_after,
    with_nulls,
)
from tenfold.bench.fill_spec import ColumnHint
from tenfold.errors import ConfigError
from tenfold.model.allowed_values import listed_values
from tenfold.model.relations import Column

WINDOW = (datetime.date(2024, 10, 1), datetime.date(2024, 10, 2))
TENANTS = [0, 1, 0, 1, 0] * 40


def column(type_: str, name: str = "thing", **more: Any) -> Column:
    return Column(1, 1, name, type_, 25, "b", "S", more.pop("not_null", True), **more)


def values(
    column: Column,
    *,
    allowed: tuple[str, ...] = (),
    unique: bool = False,
    tenants: list[int] = TENANTS,
    **hint: Any,
) -> list[str]:
    return column_values(column, Demand(ColumnHint(**hint), allowed, unique, WINDOW), Random(1), tenants)


@pytest.mark.parametrize(
    ("type_", "shape"),
    [
        ("bigint", r"\d+"),
        ("smallint", r"\d{1,4}"),
        ("numeric(4,3)", r"\d\.\d{3}"),
        ("double precision", r"\d+\.\d\d"),
        ("boolean", r"[tf]"),
        ("date", r"2024-10-0[12]"),
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"),
        ("jsonb", r"\{\}"),
        ("text[]", r"\{\}"),
        ("character(2)", r".{1,2}"),
        ("character varying(3)", r".{1,3}"),
    ],
)
def test_a_value_has_the_shape_of_its_type(type_: str, shape: str) -> None:
    assert all(re.fullmatch(shape, value) for value in values(column(type_)))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("email", r"\w+\.\w+\d+@example\.(com|net|org)"),
        ("best_phone", r"\+1\d{3}555\d{4}"),
        ("zip_code", r"\d{5}"),
        ("state", r"[A-Z]{2}"),
        ("first_name", r"[A-Z]\w+"),
        ("profile_url", r"https://\S+"),
        ("token_hash", r"[0-9a-f]{16}"),
    ],
)
def test_a_text_looks_like_what_its_column_is_called(name: str, shape: str) -> None:
    assert all(re.fullmatch(shape, value) for value in values(column("text", name)))


@pytest.mark.parametrize("name", ["email", "token", "slug", "title"])
@pytest.mark.parametrize("type_", ["text", "character varying(20)"])
def test_unique_texts_differ_even_when_cut(name: str, type_: str) -> None:
    made = values(column(type_, name), unique=True, tenants=[0] * 5000)
    assert len(set(made)) == 5000


def test_weights_decide_how_often_a_choice_is_made() -> None:
    made = values(column("text"), choices={"often": 9, "never": 0, "seldom": 1}, tenants=[0] * 2000)
    assert made.count("never") == 0
    assert 5 < made.count("often") / made.count("seldom") < 15


def test_a_cycle_starts_again_for_each_tenant() -> None:
    assert values(column("text"), cycle=("a", "b"), tenants=[0, 1, 0, 0, 1]) == ["a", "a", "b", "a", "b"]


def test_an_object_is_json_once_copy_has_read_it() -> None:
    made = values(column("jsonb"), json={'a "key"': ("x\ty", 'say "no"'), "n": (1, True)})
    read = [json.loads(value.replace("\\\\", "\\")) for value in made]
    assert {row['a "key"'] for row in read} == {"x\ty", 'say "no"'}
    assert {json.dumps(row["n"]) for row in read} == {"1", "true"}


def test_a_range_holds_both_its_ends() -> None:
    assert set(values(column("integer"), range=(3.0, 5.0))) == {"3", "4", "5"}


def test_a_type_that_cannot_be_guessed_asks_for_a_hint() -> None:
    assert set(values(column("point", not_null=False))) == {NULL}
    with pytest.raises(ConfigError, match="thing of type point needs a hint"):
        values(column("point"))


def test_nulls_come_at_their_share() -> None:
    made = with_nulls(["x"] * 4000, 0.25, Random(1))
    assert made.count(NULL) == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize(
    ("default", "served"),
    [
        ("'trial'::text", True),
        ("0", True),
        ("now()", False),
        ("CURRENT_TIMESTAMP", False),
        ("(gen_random_uuid())::text", False),
        (None, False),
    ],
)
def test_only_a_constant_default_is_left_to_the_server(default: str | None, served: bool) -> None:
    assert left_to_server(column("text", default=default), None) is served
    assert not left_to_server(column("text", default=default), ColumnHint(text="word"))


def test_a_generated_column_is_always_left_to_the_server() -> None:
    assert left_to_server(column("text", generated="s"), ColumnHint(text="word"))


@pytest.mark.parametrize(
    ("check", "listed"),
    [
        ("CHECK ((kind = ANY (ARRAY['a'::text, 'b''s'::text])))", ("a", "b's")),
        (
            "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
            ("a", "b"),
        ),
        ("CHECK ((score >= 0))", ()),
        ("CHECK ((kind <> ALL (ARRAY['a'::text, 'b'::text])))", ()),
    ],
)
def test_values_are_read_from_a_check_that_lists_them(check: str, listed: tuple[str, ...]) -> None:
    assert listed_values(check) == listed


def test_times_are_written_in_utc() -> None:
    assert time_text([0, 86_399, 1_727_740_800]) == [
        "1970-01-01 00:00:00+00",
        "1970-01-01 23:59:59+00",
        "2024-10-01 00:00:00+00",
    ]


def test_a_delay_stays_within_its_limits() -> None:
    assert all(110 <= later <= 120 for later in times_after([100] * 200, (10, 20), Random(1)))


def test_copy_text_escapes_what_copy_would_read_otherwise() -> None:
    assert [copy_text(value) for value in ("a\tb\\c\n", True, 3)] == ["a\\tb\\\\c\\n", "t", "3"]


def test_a_text_key_that_the_server_makes_of_a_uuid_is_one() -> None:
    made = values(column("text", "id", default="(gen_random_uuid())::text"))
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) for value in made)
    assert len(set(made)) == len(made)
