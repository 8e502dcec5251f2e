"""Escaping, masking and suggestions, by themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratvars.cli.masking import HIDDEN, is_secret, readable
from stratvars.cli.text import close_to, either, escape, one_line
from stratvars.codec import encode
from stratvars.codec.tree import show
from stratvars.names import listed


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_escaped_text_can_always_be_printed_on_one_line(text: str) -> None:
    assert escape(text).isprintable()
    assert one_line(text).isprintable()
    assert escape(text).encode().decode() == escape(text)


@settings(deadline=None)
@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_text_that_can_be_printed_is_not_changed(text: str) -> None:
    assert escape(text) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x1b[2J\x00\x7f\x9b", r"\x1b[2J\x00\x7f\x9b"),
        ("\u202e\u2028\ud800", r"\u202e\u2028\ud800"),
        ("é 漢字 🙂", "é 漢字 🙂"),
        ("no\xa0break", r"no\xa0break"),
    ],
)
def test_characters_that_cannot_be_seen_are_written_as_in_python(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_a_message_of_several_lines_becomes_one_line() -> None:
    assert one_line(" no route\n\tto host \x1b[0m\n") == r"no route to host \x1b[0m"


@pytest.mark.parametrize("name", ["key", "API_KEY", "apiKey2", "client-secret", "TOKENS", "myPassword", "keys"])
def test_names_that_hold_a_suspicious_word_are_secret(name: str) -> None:
    assert is_secret(name)
    assert readable(name, '{"a":1}', reveal=False) == HIDDEN
    assert readable(name, '{"a":1}', reveal=True) == "{'a': 1}"


@pytest.mark.parametrize("name", ["ke", "sec_ret", "pass", "position", ""])
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"api_key": "hunter2"}, "{'api_key': '********'}"),
        ([{"a": {"Secret": ["hunter2"]}}], "[{'a': {'Secret': '********'}}]"),
        ({"token": {"id": 1, "text": "hunter2"}}, "{'token': '********'}"),
        ({1: "a", "password": "hunter2"}, "{1: 'a', 'password': '********'}"),
        ({("okx", "key"): "hunter2"}, "{('okx', 'key'): '********'}"),
        ({"$token": "hunter2"}, "{'$token': '********'}"),
        (({"key": "hunter2"},), "({'key': '********'},)"),
        ({1: {"key": "hunter2"}}, "{1: {'key': '********'}}"),
        ("key=hunter2", "'key=hunter2'"),
        ({"a": float("inf"), "b": {1, 2}, "c": (), "key": 1}, "{'a': inf, 'b': {1, 2}, 'c': (), 'key': '********'}"),
    ],
)
def test_keys_inside_of_a_value_hide_what_stands_under_them(value: object, shown: str) -> None:
    assert readable("account", encode(value), reveal=False) == shown


@pytest.mark.parametrize(
    ("wrap", "times"),
    [(lambda inner: (inner,), 199), (lambda inner: {1: inner}, 199), (lambda inner: {"a": [inner]}, 99)],
)
def test_the_deepest_value_that_can_be_stored_is_masked_too(wrap: Callable[[object], object], times: int) -> None:
    value: object = {"key": "hunter2"}
    for _ in range(times):
        value = wrap(value)
    shown = readable("value", encode(value), reveal=False)
    assert HIDDEN in shown
    assert "hunter2" not in shown


def test_a_field_of_an_object_is_hidden_by_its_name() -> None:
    text = '{"$dataclass":["Login",{"user":"me","password":"hunter2"}]}'
    assert readable("login", text, reveal=False) == "Login(user='me', password='********')"


JSON_KEYS = st.text(max_size=5).filter(lambda key: not is_secret(key))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(JSON_KEYS | st.integers(), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(VALUES)
def test_a_value_without_suspicious_keys_is_shown_in_full(value: object) -> None:
    text = encode(value)
    assert readable("value", text, reveal=False) == show(text)


@settings(deadline=None)
@given(VALUES, st.sampled_from(["key", "API_TOKEN", "password1", "my secret"]))
def test_nothing_under_a_suspicious_key_is_ever_shown(value: object, key: str) -> None:
    text = encode([{"a": {key: ["hunter2", value]}}, {1: 2, key: {"x": ("hunter2", value)}}])
    assert "hunter2" not in readable("value", text, reveal=False)
    assert readable("value", text, reveal=True).count("hunter2") == 2


def test_of_many_names_the_first_ones_and_the_rest_as_a_number_are_listed() -> None:
    assert listed(map(str, range(10))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed(map(str, range(13))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more"


def test_alternatives_read_as_a_sentence() -> None:
    assert [either(["a"]), either(["a", "b"]), either(["a", "b", "c"])] == ["a", "a or b", "a, b or c"]


def test_only_the_names_that_are_as_close_as_the_closest_are_suggested() -> None:
    assert close_to("btc-liev", ["btc-live", "btc-paper", "eth"]) == ["btc-live"]
    assert close_to("bot", ["bot1", "bot2", "other"]) == ["bot1", "bot2"]
    assert close_to("ETH", ["eth"]) == ["eth"]
    assert close_to("zzz", ["eth", "btc"]) == []
    assert close_to("zzz", []) == []
