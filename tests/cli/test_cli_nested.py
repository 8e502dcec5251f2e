"""What differs inside of two values, by the path one would write in Python."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest

from stratvars import codec
from stratvars.cli.nested import nested
from stratvars.codec.tree import show
from stratvars.history import Difference


def compared(old: Any, new: Any) -> list[tuple[str, str, str]]:
    return texts_compared(codec.encode(old), codec.encode(new))


def texts_compared(old: str, new: str) -> list[tuple[str, str, str]]:
    found = nested(Difference("x", old, new))
    return [(part.name, shown(part.old), shown(part.new)) for part in found]


def shown(text: str | None) -> str:
    return "-" if text is None else show(text)


def leg(quantity: int, name: str = "Leg", kind: str = "$dataclass") -> str:
    return f'{{"{kind}":["{name}",{{"strike":100.0,"quantity":{quantity}}}]}}'


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        (1, 2, [("x", "1", "2")]),
        (1, 1.0, [("x", "1", "1.0")]),
        (1, True, [("x", "1", "True")]),
        (0.0, -0.0, [("x", "0.0", "-0.0")]),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [("x['b']", "2", "3")]),
        ({"a": None}, {"b": None}, [("x['b']", "-", "None"), ("x['a']", "None", "-")]),
        ({1: "a", "1": "a"}, {1: "b", "1": "a"}, [("x[1]", "'a'", "'b'")]),
        ({"a": 1}, {1: 1}, [("x[1]", "-", "1"), ("x['a']", "1", "-")]),
        ({("SPY", 1): [0]}, {("SPY", 1): [1]}, [("x[('SPY', 1)][0]", "0", "1")]),
        ([1, 2, 3], [1, 9, 3], [("x[1]", "2", "9")]),
        ([1, 2], [1, 2, 3, 4], [("x[2]", "-", "3"), ("x[3]", "-", "4")]),
        ([1, 2, 3], [1, 3], [("x[1]", "2", "-")]),
        ([1, 3], [1, 2, 3], [("x[1]", "-", "2")]),
        ([1, 2, 3], [2, 3], [("x[0]", "1", "-")]),
        ([1, 1], [1, 2], [("x[1]", "1", "2")]),
        ([1, 2, 3, 4], [2, 3, 4, 5], [("x[0]", "1", "-"), ("x[3]", "-", "5")]),
        ([1, 2, 3, 4], [2, 3, 4, 5, 6], [("x[0]", "1", "-"), ("x[3]", "-", "5"), ("x[4]", "-", "6")]),
        ([1, 2], [3, 4], [("x[0]", "1", "3"), ("x[1]", "2", "4")]),
        ([], [1], [("x[0]", "-", "1")]),
        ((1, [2]), (1, [3]), [("x[1][0]", "2", "3")]),
        ((1,), [1], [("x", "(1,)", "[1]")]),
        ((1, 2), [1, 3], [("x", "(1, 2)", "[1, 3]")]),
        ({"a": 1, "b": [True, 2]}, {"a": 1.0, "b": [1, 2]}, [("x['a']", "1", "1.0"), ("x['b'][0]", "True", "1")]),
        (Counter(a=1), {"a": 2}, [("x", "Counter({'a': 1})", "{'a': 2}")]),
        ({1}, {2}, [("x", "{1}", "{2}")]),
        (deque([1, 2], 3), deque([1, 5], 3), [("x[1]", "2", "5")]),
        (deque([1], 3), deque([1], 4), [("x", "deque([1], maxlen=3)", "deque([1], maxlen=4)")]),
        (Counter(a=1), Counter(a=2), [("x['a']", "1", "2")]),
        (OrderedDict(a=1), OrderedDict(a=2, b=3), [("x['a']", "1", "2"), ("x['b']", "-", "3")]),
        (defaultdict(list, a=[1]), defaultdict(list, a=[2]), [("x['a'][0]", "1", "2")]),
        (Counter(a=1), {"a": 1}, [("x", "Counter({'a': 1})", "{'a': 1}")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [("x", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}")]),
        ({"a": {"$dict": 1}}, {"a": {"$dict": 2}}, [("x['a']['$dict']", "1", "2")]),
    ],
)  # fmt: skip
def test_what_differs_is_named_down_to_the_index(old: Any, new: Any, differences: list[tuple[str, str, str]]) -> None:
    assert compared(old, new) == differences


@pytest.mark.parametrize("kind", ["$dataclass", "$namedtuple", "$object"])
def test_objects_are_compared_by_field_without_their_class(kind: str) -> None:
    step = "['quantity']" if kind == "$object" else ".quantity"
    positions = '{"SPY":[1,2,%s]}'
    assert texts_compared(positions % leg(3, kind=kind), positions % leg(4, kind=kind)) == [
        (f"x['SPY'][2]{step}", "3", "4")
    ]
    for quantity in (3, 4):
        assert texts_compared(leg(3, kind=kind), leg(quantity, "Other", kind)) == [
            ("x", show(leg(3, kind=kind)), show(leg(quantity, "Other", kind)))
        ]


def test_a_field_that_came_or_went_is_one_difference() -> None:
    assert texts_compared('{"$dataclass":["A",{"a":1}]}', '{"$dataclass":["A",{"b":1}]}') == [
        ("x.b", "-", "1"),
        ("x.a", "1", "-"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        *('{"$wrong":1}', '{"$tuple":3}', '{"$deque":1}', '{"$dict":[1]}', '{"$dict":[[{"$wrong":1},2]]}', "[" * 5000),
        *(
            '{"$dataclass":[1]}',
            '{"$dataclass":[[],[]]}',
            '{"$object":{"a":1}}',
            '{"a":1,"a":2}',
            "{",
            '{"$counter":[1]}',
        ),
    ],
)
def test_a_text_that_nobody_can_read_is_one_difference_as_a_whole(broken: str) -> None:
    for pair in ((broken, "1"), ("1", broken), (broken, broken + " ")):
        assert nested(Difference("x", *pair)) == [Difference("x", *pair)]


def test_a_value_that_was_not_there_or_is_written_in_another_way_is_shown_whole() -> None:
    for whole in (Difference("x", None, "[1]"), Difference("x", "[1]", None), Difference("x", "[1]", "[ 1]")):
        assert nested(whole) == [whole]


def test_long_lists_are_compared_in_bounded_time() -> None:
    same = [1.0] * 20_000
    began = time.monotonic()
    assert compared(same, [*same, 2.0]) == [("x[20000]", "-", "2.0")]
    assert len(compared(same, [2.0] * 20_000)) == 20_000
    window = [float(number) for number in range(20_000)]
    assert compared(window, [*window[1:], -1.0]) == [("x[0]", "0.0", "-"), ("x[19999]", "-", "-1.0")]
    assert time.monotonic() - began < 30
