"""Texts that were cut, edited by hand or made by an enemy: a value or an UndecodableError, and nothing else."""

from __future__ import annotations

import contextlib
import decimal
import json
import sys
import time
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hostile_standard import IMPOSSIBLE_STANDARD, MISSHAPEN_STANDARD
from hostile_texts import IMPOSSIBLE, MISSHAPEN, NOT_JSON
from hypothesis import given
from hypothesis import strategies as st
from same import same, scalars, thorough, values

from examples import EXAMPLES, Counted
from stratvars.codec import decode, encode
from stratvars.codec.registry import TAGS
from stratvars.codec.tree import show
from stratvars.errors import RestoreError, UndecodableError

MISSHAPEN = MISSHAPEN + MISSHAPEN_STANDARD
IMPOSSIBLE = IMPOSSIBLE + IMPOSSIBLE_STANDARD


def problem_of(text: str | bytes, name: str = "v") -> UndecodableError:
    with pytest.raises(UndecodableError) as caught:
        decode(text, name)
    return caught.value


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_is_not_strict_json_is_undecodable(text: str | bytes) -> None:
    error = problem_of(text)
    assert error.path == "v"
    assert "not strict JSON" in error.problem
    with pytest.raises(UndecodableError):
        show(text)


@pytest.mark.parametrize("text", MISSHAPEN + IMPOSSIBLE, ids=lambda text: ascii(text)[:50])
def test_an_envelope_with_the_wrong_content_is_undecodable(text: str) -> None:
    error = problem_of(f"[0,{text}]")
    assert error.path.startswith("v[1]")
    assert len(error.problem) > 20
    assert len(str(error)) < 400


@pytest.mark.parametrize("text", MISSHAPEN, ids=lambda text: ascii(text)[:50])
def test_show_refuses_a_misshapen_envelope_too(text: str) -> None:
    with pytest.raises(UndecodableError):
        show(text)


@pytest.mark.parametrize("text", ['{"$":1}', '{"$unknown":1}', '{"$Tuple":[]}', '{"$eval":"1+1"}', '{"$ref":"#"}'])
def test_an_unknown_tag_is_undecodable(text: str) -> None:
    assert "no tag that this version of the library knows" in problem_of(text).problem
    with pytest.raises(UndecodableError, match="no tag"):
        show(text)


@pytest.mark.parametrize(
    "text", ['{"$tuple":[],"a":1}', '{"a":1,"$tuple":[]}', '{"$tuple":[],"$set":[]}', '{"a":1,"$b":2}']
)
def test_a_tag_beside_another_key_is_undecodable(text: str) -> None:
    assert "must have no other key" in problem_of(text).problem
    with pytest.raises(UndecodableError, match="no other key"):
        show(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"b":2,"a":1}',
        '[{"x":{"a":1,"\\u0061":2}}]',
        '{"$tuple":[],"$tuple":[1]}',
        ' {"a":1,"a":1}',
    ],
)
def test_a_key_that_stands_twice_is_undecodable(text: str) -> None:
    assert "stands twice in one object" in problem_of(text).problem
    with pytest.raises(UndecodableError, match="stands twice"):
        show(text)


def test_text_formatted_by_hand_is_read_like_our_own() -> None:
    value = {"a": [1, (2, {3: 10**600}), Decimal(1)], "b": {"$x": 1.5e300}}
    assert same(decode(json.dumps(json.loads(encode(value)), indent=2)), value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a":[0,{"$tuple":[{"$decimal":"x"}]}]}', "v['a'][1][0]"),
        ('{"$dict":[[{"$tuple":["SPY",1]},{"$x":1}]]}', "v[('SPY', 1)]"),
        ('{"$dict":[[{"$tuple":[0,{"$x":1}]},1]]}', "v"),
        ('{"a":{"$set":[1,{"$tuple":[{"$x":1}]}]}}', "v['a']"),
        ('{"$dataclass":["Leg",{"strike":1.0,"tags":[1,{"$x":1}]}]}', "v.tags[1]"),
        ('{"$dataclass":["Leg",{}]}', "v.strike"),
        ('{"$dict":[[{"$enum":["Side","BUY"]},{"$x":1}]]}', "v[Side.BUY]"),
    ],
)
def test_the_path_reads_as_python(text: str, path: str) -> None:
    error = problem_of(text)
    assert error.path == path
    assert isinstance(error, RestoreError)


def test_huge_exponents_are_read_and_shown_at_once() -> None:
    before = time.perf_counter()
    for text in ("1E+999999999999999999", "1E-999999999999999999", "-9E+123456789012345678"):
        value = decode(f'{{"$decimal":"{text}"}}')
        assert same(value, Decimal(text))
        assert decode(f'{{"$set":[{{"$decimal":"{text}"}}]}}') == {Decimal(text)}
        assert text in show(f'{{"$decimal":"{text}"}}')
    assert time.perf_counter() - before < 1


def test_a_megabyte_of_digits_is_read_at_once() -> None:
    before = time.perf_counter()
    value = decode('{"$int":"0x' + "f" * 1_000_000 + '"}')
    assert value == 16**1_000_000 - 1
    show('{"$int":"0x' + "f" * 1_000_000 + '"}')
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize(
    "text",
    [
        "9" * 10_000_000,
        "[" + "-" + "9" * 10_000_000 + "]",
        '{"$bytes":"' + "A" * 10_000_001 + '"}',
        '{"$bytes":"' + "A" * 9_999_996 + "A-_=" + '"}',
        '{"$bytearray":"' + "====" * 2_000_000 + '"}',
        '{"$fraction":[{"$int":"0x' + "f" * 5_000_000 + '"},{"$int":"0x' + "e" * 5_000_000 + '"}]}',
        '{"$uuid":"' + "0" * 10_000_000 + '"}',
        '{"$zone":"' + "x/" * 5_000_000 + '"}',
        '{"$timezone":["+01:00","' + "\\\\" * 2_000_000 + '"]}',
        '{"$path":["' + "P" * 10_000_000 + '","x"]}',
        '{"$defaultdict":["' + "i" * 10_000_000 + '",{}]}',
        '{"$deque":[[],9223372036854775808]}',
        '{"$deque":[[' + "0," * 1_000_000 + "0],1000000]}",
        '{"$object":["' + "B" * 10_000_000 + '",1]}',
        '{"$counter":' * 100_000,
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_a_huge_text_is_refused_in_no_time_and_little_memory(text: str) -> None:
    before = time.perf_counter()
    tracemalloc.start()
    try:
        assert len(str(problem_of(text))) < 400
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - before < 5
    assert peak < 10 * len(text) + 1_000_000


def test_what_a_short_text_promises_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        for text in (
            '{"$deque":[[],9223372036854775807]}',
            '{"$range":[0,' + "9" * 600 + ",1]}",
            '{"$defaultdict":["bytearray",{}]}',
        ):
            decode(text)
            show(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_malformed_decimals_are_refused_where_the_user_does_not_trap_them() -> None:
    with decimal.localcontext(decimal.Context(traps=[], prec=3)):
        problem_of('{"$decimal":"x"}')
        assert same(decode('{"$decimal":"1.23456789"}'), Decimal("1.23456789"))


def test_a_longdouble_that_is_too_large_is_told_so() -> None:
    assert "outside the range of this machine" in problem_of('{"$numpy":["longdouble",[1,99999999]]}').problem
    assert "more precise than those" in problem_of('{"$numpy":["longdouble",[' + "9" * 400 + ",1]]}").problem


def test_the_user_s_error_in_a_hash_is_undecodable() -> None:
    assert "$set" in problem_of('{"$set":[{"$dataclass":["RudePoint",{"x":1}]}]}').problem


def test_no_text_of_the_error_that_was_caught_is_shown_with_ours() -> None:
    with pytest.raises(UndecodableError) as caught:
        decode('{"$date":"secret"}')
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


def test_a_name_with_escape_codes_cannot_reach_the_terminal() -> None:
    for text in (
        '{"$dataclass":["\\u001b[2J",{"\\u001b":1}]}',
        '{"$enum":["\\u001b[2J","\\u001b"]}',
        '{"\\u001b[2J":"\\u001b"}',
        '{"$datetime":["2024-01-01T00:00:00+01:00","\\u001b"]}',
    ):
        assert "\x1b" not in show(text)
    for text in ('{"$dataclass":["\\u001b[2J",{}]}', '{"$\\u001b":1}', '{"$enum":["Side","\\u001b"]}'):
        assert "\x1b" not in str(problem_of(text))


def test_reading_runs_no_constructor() -> None:
    constructions = Counted.constructions
    value = decode('{"$dataclass":["Counted",{"start":1,"total":5}]}')
    assert isinstance(value, Counted)
    assert (value.total, value.constructed) == (5, 0)
    assert Counted.constructions == constructions


def test_reading_imports_nothing_that_the_text_names() -> None:
    assert "antigravity" not in sys.modules
    for text in (
        '{"$dataclass":["antigravity",{}]}',
        '{"$enum":["antigravity.X","Y"]}',
        '{"$numpy":["antigravity",1]}',
    ):
        problem_of(text)
    assert "antigravity" not in sys.modules


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(lambda tag, payload: {tag: payload}, st.sampled_from(sorted(TAGS)), inner)
        | st.builds(
            lambda tag, name, payload: {tag: [name, payload]},
            st.sampled_from(["$enum", "$dataclass", "$numpy", "$datetime"]),
            st.sampled_from(
                ["Leg", "Side", "Permission", "Point", "float32", "longdouble", "complex64", "datetime64[s]"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@thorough
@given(_plain)
def test_any_json_is_a_value_or_undecodable(tree: Any) -> None:
    text = json.dumps(tree)
    try:
        value = decode(text, "v")
    except UndecodableError:
        return
    assert same(decode(encode(value)), value)


@thorough
@given(values, st.data())
def test_a_text_that_was_cut_or_changed_is_a_value_or_undecodable(value: Any, data: st.DataObject) -> None:
    raw = bytearray(encode(value).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        del raw[place:]
    else:
        raw[place] = data.draw(st.integers(0, 255) | st.sampled_from(b'"[]{}:,$0\\'))
    for read in (decode, show):
        with contextlib.suppress(UndecodableError):
            read(bytes(raw))


@thorough
@given(st.sampled_from(sorted(TAGS)), scalars)
def test_the_content_of_one_tag_under_another_is_a_value_or_undecodable(tag: str, value: Any) -> None:
    tree = json.loads(encode(value))
    payload = next(iter(tree.values())) if isinstance(tree, dict) else tree
    text = json.dumps({tag: payload})
    for read in (decode, show):
        with contextlib.suppress(UndecodableError):
            read(text)


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: ascii(type(value).__name__))
def test_every_cut_of_every_example_is_undecodable(value: object) -> None:
    text = encode([value])
    for end in range(min(len(text), 300)):
        problem_of(text[:end])
