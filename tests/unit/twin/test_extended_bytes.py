"""The binary forms of extended statistics, against what a server of 18 wrote."""

from __future__ import annotations

import struct

from tenfold.twin.extended_bytes import dependencies_bytes, mcv_with, n_distinct_bytes

SAME = {number: number for number in range(1, 30)}
EXPRESSIONS = '{"20, -1": 250, "20, -2": 50, "-1, -2": 20, "20, -1, -2": 500}'
EXPRESSIONS_BYTES = (
    "a4bf52a30100000004000000"
    "0000000000406f40020000001400ffff"
    "0000000000004940020000001400feff"
    "000000000000344002000000fffffeff"
    "0000000000407f40030000001400fffffeff"
)


def test_numbers_of_distinct_values_of_columns_and_expressions() -> None:
    assert n_distinct_bytes(EXPRESSIONS, SAME).hex() == EXPRESSIONS_BYTES


def test_dependencies() -> None:
    assert (
        dependencies_bytes('{"21 => 20": 1.000000}', SAME).hex()
        == "2c9a54b40100000001000000000000000000f03f020015001400"
    )
    many = dependencies_bytes('{"3, 6 => 20": 0.000167}', SAME)
    assert struct.unpack("<IIIdhhhh", many[:12] + many[12:]) == (0xB4549A2C, 1, 1, 0.000167, 3, 3, 6, 20)


def test_columns_have_the_twins_numbers_and_expressions_their_own() -> None:
    numbers = {20: 2, 21: 3}
    assert n_distinct_bytes('{"20, 21": 50}', numbers).hex().endswith("0200000002000300")
    assert n_distinct_bytes('{"20, -1": 50}', numbers).hex().endswith("020000000200ffff")
    assert dependencies_bytes('{"21 => 20": 1}', numbers).hex().endswith("020003000200")


def test_frequencies_take_the_place_of_others_and_nothing_else_moves() -> None:
    def items(*frequencies: tuple[float, float]) -> bytes:
        return b"".join(
            struct.pack("<??ddHH", False, True, *pair, number, 7) for number, pair in enumerate(frequencies)
        )

    head = b"whatever is before the items"
    before = head + items((0.1, 0.2), (0.3, 0.4))
    assert mcv_with(before, 2, [(0.5, 0.6), (0.7, 0.8)]) == head + items((0.5, 0.6), (0.7, 0.8))
