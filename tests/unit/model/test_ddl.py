from __future__ import annotations

import pytest

from tenfold.model.ddl import IDENTIFIER_BYTES, fit, identifier, literal, names, qualified


@pytest.mark.parametrize("name", ["team_id", "_x", "a1$", "tenants", "name", "id", "type", "value", "level"])
def test_a_plain_name_stays_bare(name: str) -> None:
    assert identifier(name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("User", '"User"'),
        ("order", '"order"'),
        ("user", '"user"'),
        ("1st", '"1st"'),
        ("$1", '"$1"'),
        ("two words", '"two words"'),
        ('say "hi"', '"say ""hi"""'),
        ('"', '""""'),
        ("größe", '"größe"'),
        ("🙂", '"🙂"'),
        ("a.b", '"a.b"'),
        ("a\nb", '"a\nb"'),
        ("team_id\n", '"team_id\n"'),
        ("x; DROP TABLE y --", '"x; DROP TABLE y --"'),
        ("back\\slash", '"back\\slash"'),
        ("100%", '"100%"'),
    ],
)
def test_any_other_name_is_quoted(name: str, text: str) -> None:
    assert identifier(name) == text


def test_parts_of_a_dotted_name_are_quoted_each() -> None:
    assert qualified("app", "User") == 'app."User"'
    assert qualified("a.b", "c") == '"a.b".c'
    assert qualified("order") == '"order"'


def test_columns_are_listed_as_identifiers() -> None:
    assert names(("team_id", "order", "Sum Total")) == 'team_id, "order", "Sum Total"'
    assert names([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "''"),
        ("plain", "'plain'"),
        ("O'Hara", "'O''Hara'"),
        ("'; DROP TABLE x --", "'''; DROP TABLE x --'"),
        ("C:\\temp", "E'C:\\\\temp'"),
        ("\\'", "E'\\\\'''"),
        ("$$ 🙂 %s", "'$$ 🙂 %s'"),
    ],
)
def test_a_literal_is_quoted_and_escaped_only_where_it_must_be(value: str, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("short", "short"),
        ("x" * 63, "x" * 63),
        ("x" * 64, "x" * 63),
        ("x" * 62 + "ä", "x" * 62),
        ("x" * 61 + "ä", "x" * 61 + "ä"),
        ("x" * 60 + "🙂", "x" * 60),
        ("🙂" * 20, "🙂" * 15),
    ],
)
def test_a_name_is_cut_between_characters(name: str, fitted: str) -> None:
    assert fit(name) == fitted
    assert len(fitted.encode()) <= IDENTIFIER_BYTES


def test_a_taken_name_is_numbered() -> None:
    assert fit("idx", {"another"}) == "idx"
    assert fit("idx", {"idx"}) == "idx_1"
    assert fit("idx", frozenset({"idx", "idx_1"})) == "idx_2"


def test_a_number_takes_its_room_from_the_name() -> None:
    long = "x" * 70
    taken = {fit(long)}
    for number in range(1, 12):
        name = fit(long, taken)
        assert name == "x" * (IDENTIFIER_BYTES - len(f"_{number}")) + f"_{number}"
        taken.add(name)
    assert fit("ä" * 40, {"ä" * 31}) == "ä" * 30 + "_1"
