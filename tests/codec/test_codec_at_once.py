"""A whole state is read in one go where it is as this library writes it; each variable is as if it were read alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from same import same, thorough, values

from examples import EXAMPLES
from stratvars import codec
from stratvars.codec.writing import encode_plain
from stratvars.errors import UndecodableError
from stratvars.members import read_members
from stratvars.texts import join_texts, split_texts

names = st.text(max_size=4)


@thorough
@given(st.dictionaries(names.filter(lambda name: name.isprintable()), values, max_size=4))
def test_a_state_is_read_at_once_and_as_each_variable_alone(state: dict[str, Any]) -> None:
    texts = {name: codec.encode(value) for name, value in state.items()}
    at_once = codec.decode_all(join_texts(texts))
    assert at_once is not None
    assert list(at_once[0].items()) == list(texts.items())
    assert same(at_once[1], {name: codec.decode(text) for name, text in texts.items()})


@thorough
@given(st.lists(st.tuples(names, st.sampled_from(["1", "1.0", "[ 1]", '{"a":1,"a":2}', '{"$no":1}', "1e400", "tru"]))))
def test_what_another_hand_wrote_is_read_as_each_variable_alone(members: list[tuple[str, str]]) -> None:
    written = join_texts({})[:1] + ", ".join(f"{codec.encode(name)}:{text}" for name, text in members) + "}"
    assert outcome(read_members, written) == outcome(one_by_one, written)


def test_every_example_is_read_at_once() -> None:
    texts = {f"v{number}": codec.encode(value) for number, value in enumerate(EXAMPLES)}
    at_once = codec.decode_all(join_texts(texts))
    assert at_once is not None
    assert at_once[0] == texts
    assert same(list(at_once[1].values()), list(EXAMPLES))


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "1", "{", '{"a":1', '{"a":1}x', '{"a":1,"a":1}', ' {"a":1}', '{"a": 1}', '{"a":1.50}', '{"a":1E5}'),
        *('{"a":{"$no":1}}', '{"a":{"$decimal":[]}}', '{"a":' + "[" * 5000 + "]" * 5000 + "}", '{"\udc80":1}'),
    ],
)
def test_nothing_else_is_read_at_once(text: str) -> None:
    assert codec.decode_all(text) is None


def one_by_one(written: str) -> tuple[dict[str, str], dict[str, object]]:
    texts = split_texts(written)
    return texts, {name: codec.decode(text, name) for name, text in texts.items()}


def outcome(read: Any, written: str) -> object:
    try:
        texts, found = read(written)
        return list(texts.items()), list(found.items())
    except UndecodableError as error:
        return str(error)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":1,"b":2,"a":3}', '{"\\"":1,"\\"":1}', '{"\\u0061":1,"a":1}', '{"":{},"":{}}']
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(UndecodableError, match="twice"):
        read_members(text)


PLAIN: list[Any] = [True, 0, 2**63, 2**63 + 1, -(2**63) - 1, 2**2048, -0.0, 1e16, 5e-324, 1e400, -1e400, float("nan")]
PLAIN += ["", 'a\n"b\\c\x00\x7f', "\u00e9", "\ud800", "\u2028", None, (1,)]


@thorough
@given(st.lists(values | st.sampled_from(PLAIN)))
def test_numbers_and_texts_are_written_at_once_as_each_alone(several: list[Any]) -> None:
    named = {f"v{number}": value for number, value in enumerate(several)}
    for name, text in encode_plain(named).items():
        assert text == codec.encode(named[name])


def test_what_is_nearly_always_assigned_is_written_at_once() -> None:
    assert list(encode_plain({"a": 1, "b": 1.5, "c": "long", "d": False, "e": 1e400, "f": "\ud800"})) == list("abcd")
