"""Which values can change in place decides whose text is kept: one wrong answer, and a change is never saved."""

from __future__ import annotations

import numpy as np
import pytest
from standard import STANDARD

from examples import BY_TAG, SIMPLE
from stratvars.codec import encode, is_immutable
from stratvars.codec.registry import IMMUTABLE

NEVER_CHANGE = {
    *("$int", "$float", "$str", "$complex", "$decimal", "$fraction", "$range", "$bytes", "$uuid", "$path"),
    *("$datetime", "$date", "$time", "$timedelta", "$zone", "$timezone", "$enum"),
}
MAY_CHANGE = {
    *("$tuple", "$dict", "$set", "$frozenset", "$deque", "$ordereddict", "$counter", "$defaultdict", "$bytearray"),
    *("$dataclass", "$namedtuple", "$object"),
}


@pytest.mark.parametrize("tag", sorted(NEVER_CHANGE))
def test_a_value_without_parts_can_never_change(tag: str) -> None:
    for value in BY_TAG[tag]:
        encode(value)
        assert is_immutable(value)


@pytest.mark.parametrize("tag", sorted(MAY_CHANGE))
def test_a_value_with_parts_may_change(tag: str) -> None:
    for value in BY_TAG[tag]:
        encode(value)
        assert not is_immutable(value)


def test_every_standard_tag_is_in_one_of_the_two() -> None:
    assert set(STANDARD) <= NEVER_CHANGE | MAY_CHANGE
    assert not NEVER_CHANGE & MAY_CHANGE


def test_plain_values_without_parts_can_never_change_and_lists_and_dicts_may() -> None:
    for value in SIMPLE:
        assert is_immutable(value) == (type(value) not in {list, dict})


def test_a_number_of_numpy_can_never_change_and_an_array_may() -> None:
    encode(np.float64(1))
    assert is_immutable(np.float64(1))
    assert not is_immutable(np.zeros(1))


def test_what_cannot_be_stored_is_not_taken_for_unchanging() -> None:
    for value in (object(), len, memoryview(b"")):
        assert not is_immutable(value)


def test_no_type_that_can_change_is_among_the_unchanging() -> None:
    assert not IMMUTABLE & {list, tuple, dict, set, frozenset, bytearray}
