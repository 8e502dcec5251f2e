"""The long form of what the other files check on a few hundred values: a hundred thousand, in parts.

Together the parts have five times as many examples as STRATVARS_EXAMPLES says.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import kinds
import pytest
import test_codec_capture as capture
import test_codec_hostile as hostile
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from kinds import kinds_of
from same import same, thorough, values
from test_codec_round_trip import strict

from stratvars.codec import check, decode, encode
from stratvars.codec.tree import show

PARTS = 10
LONG = settings(thorough, max_examples=max(1, 5 * int(os.environ.get("STRATVARS_EXAMPLES", "20000")) // PARTS))
HAS_ALL = LONG.max_examples >= 5000
"""Whether a part is so long that none of the types can be missing from it by chance."""

pytestmark = [pytest.mark.torture, pytest.mark.timeout(7200)]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_values_come_back_the_same(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    seen, count = Counter[str](), Counter[str]()

    @LONG
    @seed(part)
    @given(values)
    def examine(value: Any) -> None:
        check(value, "v")
        text = encode(value, "v")
        back = decode(text, "v")
        assert same(back, value)
        assert encode(back) == encode(value) == text
        assert show(text).isprintable()
        strict(text)
        seen.update(kinds_of(text))
        count["values"] += 1

    examine()
    assert count["values"] >= LONG.max_examples
    assert not HAS_ALL or kinds.ALL - seen.keys() == set()
    counted = f"{count['values']} values came back the same, with {seen.total()} of {len(seen)} types in them"
    record_property("counted", f"codec, part {part}: {counted}")


@pytest.mark.parametrize("part", range(PARTS))
def test_every_change_in_place_is_seen_in_a_hundred_thousand_values(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    seen: Counter[tuple[type, str]] = Counter()

    @LONG
    @seed(part)
    @given(st.lists(values, min_size=1, max_size=3), st.integers(0, 2**32))
    def examine(value: list[Any], number: int) -> None:
        capture.check_changes(value, number, seen)

    examine()
    every = {(kind, name) for kind, changes in capture.CHANGES.items() for name in changes}
    assert seen.total() > LONG.max_examples / 4
    assert not HAS_ALL or every - seen.keys() == set()
    record_property("counted", f"capture, part {part}: {seen.total()} changes in place seen, of {len(seen)} kinds")


@pytest.mark.parametrize(
    "property_",
    [
        hostile.test_any_json_is_a_value_or_undecodable,
        hostile.test_a_text_that_was_cut_or_changed_is_a_value_or_undecodable,
        hostile.test_the_content_of_one_tag_under_another_is_a_value_or_undecodable,
    ],
    ids=lambda found: found.__name__,
)
def test_altered_texts_without_number_are_values_or_undecodable(property_: Callable[[], None]) -> None:
    property_()  # as often as STRATVARS_EXAMPLES says
