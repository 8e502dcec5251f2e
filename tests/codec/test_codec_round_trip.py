from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from hypothesis import given
from same import flat_lists, same, thorough, values

from examples import BY_TAG, EXAMPLES, Counted, Leg, Point, Side
from stratvars.codec import check, decode, encode
from stratvars.codec.registry import TAGS


def strict(text: str) -> object:
    """Read JSON as the strictest of readers would."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse, parse_int=str)


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: ascii(type(value).__name__))
def test_every_example_comes_back_the_same(value: object) -> None:
    text = encode(value)
    assert same(decode(text), value)
    assert same(decode(text.encode()), value)
    strict(text)


@thorough
@given(values)
def test_every_value_comes_back_the_same_from_strict_json(value: Any) -> None:
    text = encode(value, "v")
    assert same(decode(text, "v"), value)
    strict(text)
    assert "\x00" not in text
    assert text.encode().decode() == text


@thorough
@given(values)
def test_the_same_value_has_the_same_text(value: Any) -> None:
    text = encode(value)
    assert encode(value) == text
    assert encode(decode(text)) == text
    check(value, "v")


@thorough
@given(flat_lists)
def test_lists_of_one_type_come_back_the_same(value: list[Any]) -> None:
    assert same(decode(encode(value)), value)


def test_every_tag_has_an_example_that_is_written_with_it() -> None:
    assert set(BY_TAG) == set(TAGS) - {"$pytz"}  # zones of pytz have a file of their own
    for tag, examples in BY_TAG.items():
        for value in examples:
            assert encode(value).startswith(f'{{"{tag}":'), value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, "x", None, True]}, '{"a":[1,2.5,"x",null,true]}'),
        ({"trade_count": 5, "last_price": 102.5}, '{"trade_count":5,"last_price":102.5}'),
        ((1, 2), '{"$tuple":[1,2]}'),
        (Decimal("1.50"), '{"$decimal":"1.50"}'),
        (float("nan"), '{"$float":"nan"}'),
        ({3, 1, 2}, '{"$set":[1,2,3]}'),
        ({1: "a", "1": "b"}, '{"$dict":[[1,"a"],["1","b"]]}'),
        (Side.BUY, '{"$enum":["Side","BUY"]}'),
        (Leg(100.0), '{"$dataclass":["Leg",{"strike":100.0,"right":"call","tags":[]}]}'),
        (2**64, "18446744073709551616"),
        ("ü\x00", '"ü\\u0000"'),
    ],
)
def test_the_text_is_what_a_reader_of_the_table_expects(value: object, text: str) -> None:
    assert encode(value) == text


def test_a_dict_that_looks_like_an_envelope_comes_back_as_that_dict() -> None:
    value = {"a": {"$decimal": "1"}, "$dict": {"$tuple": []}}
    assert same(decode(encode(value)), value)
    assert encode({"$decimal": "1"}) == '{"$dict":[["$decimal","1"]]}'


def test_a_string_that_looks_like_a_date_stays_a_string() -> None:
    assert same(decode(encode("2024-01-01T00:00:00+00:00")), "2024-01-01T00:00:00+00:00")


def test_a_true_stays_a_bool_beside_ints_and_floats() -> None:
    assert same(decode(encode([True, 1, 1.0])), [True, 1, 1.0])
    assert same(decode(encode({True: 1, 2: 2.0})), {True: 1, 2: 2.0})


def test_the_order_of_keys_is_kept() -> None:
    forwards, backwards = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert list(decode(encode(backwards)) or ()) == ["b", "a"]  # type: ignore[call-overload]
    assert encode(forwards) != encode(backwards)


def test_equal_sets_have_equal_texts_whatever_their_history() -> None:
    one = {f"name-{number}" for number in range(100)}
    other = {f"name-{number}" for number in reversed(range(1000))}
    other -= {f"name-{number}" for number in range(100, 1000)}
    assert encode(one) == encode(other)


def test_each_nan_of_a_set_and_of_the_keys_of_a_dict_is_kept() -> None:
    two = {float("nan"), float("nan")}
    assert same(decode(encode(two)), two)
    keyed = {float("nan"): 1, float("nan"): 2}
    assert same(decode(encode(keyed)), keyed)


def test_a_float_in_a_list_of_floats_may_be_nan_or_sum_to_infinity() -> None:
    for value in ([1.0, float("nan")], [1e308, 1e308, -1e308], [float("inf"), float("-inf")]):
        assert same(decode(encode(value)), value)


def test_a_huge_int_does_not_depend_on_the_limit_for_digits() -> None:
    assert same(decode(encode([1, 10**5000, -(10**5000)])), [1, 10**5000, -(10**5000)])


def test_a_dataclass_is_read_without_its_constructor() -> None:
    before = Counted(4)
    before.total = 7
    text = encode(before)
    constructions = Counted.constructions
    after = decode(text)
    assert isinstance(after, Counted)
    assert (after.start, after.total) == (4, 7)
    assert Counted.constructions == constructions


def test_a_cached_property_is_left_out_and_computed_again() -> None:
    value = Counted(4)
    assert value.half == 4.0
    after = decode(encode(value))
    assert isinstance(after, Counted)
    assert "half" not in vars(after)
    assert after.half == 4.0


def test_a_shared_object_may_stand_in_two_places() -> None:
    leg = Leg(1.0)
    assert same(decode(encode([leg, leg, {"x": leg}])), [leg, leg, {"x": leg}])


def test_a_key_of_a_registered_class_finds_its_value_again() -> None:
    after = decode(encode({Point("SPY", (1, 2)): 5}))
    assert isinstance(after, dict)
    assert after[Point("SPY", (1, 2))] == 5
