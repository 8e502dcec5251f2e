from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import pytest
from registered import Basket, Money, Prices, Quote

from examples import BERLIN, Holder, Leg, Node, Point, Slotted
from stratvars.codec import check, decode, encode
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UnsavableError

LEVELS: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner,),
    "dict": lambda inner: {"a": inner},
    "dict with a tuple key": lambda inner: {(1,): inner},
    "dataclass": Node,
    "slots": Slotted,
    "frozen": Point,
    "list of two": lambda inner: [0, inner],
    "deque": lambda inner: deque([inner]),
    "frozenset": lambda inner: frozenset({inner}),
    "named tuple": Quote,
}
# An envelope around a dict counts as a level, and the dict as another.
TWICE: dict[str, Callable[[Any], Any]] = {
    "ordered": lambda inner: OrderedDict(a=inner),
    "ordered with a tuple key": lambda inner: OrderedDict({(1,): inner}),
    "counter": lambda inner: Counter(a=inner),
    "default": lambda inner: defaultdict(list, {1: inner}),
    "object": Basket,
    "tuple in an object": lambda inner: Money(inner, "USD"),
    "list in an object": lambda inner: Prices([inner]),
}

TEXTS: dict[str, tuple[str, str]] = {
    "list": ("[", "]"),
    "dict": ('{"a":', "}"),
    "tuple": ('{"$tuple":[', "]}"),
    "pairs": ('{"$dict":[[1,', "]]}"),
    "dataclass": ('{"$dataclass":["Node",{"next":', "}]}"),
    "deque": ('{"$deque":[[', "],null]}"),
    "named tuple": ('{"$namedtuple":["Fill",{"price":', ',"size":1}]}'),
}
TEXTS_TWICE: dict[str, tuple[str, str]] = {
    "ordered": ('{"$ordereddict":{"a":', "}}"),
    "ordered pairs": ('{"$ordereddict":{"$dict":[[1,', "]]}}"),
    "counter": ('{"$counter":{"a":', "}}"),
    "default": ('{"$defaultdict":["int",{"$dict":[[1,', "]]}]}"),
    "object": ('{"$object":["Basket",{"item":', ',"note":null}]}'),
}


ALL_TEXTS = TEXTS | TEXTS_TWICE


def nested(level: Callable[[Any], Any], depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = level(value)
    return value


@pytest.mark.parametrize("kind", LEVELS)
def test_two_hundred_levels_are_stored_and_come_back(kind: str) -> None:
    value = nested(LEVELS[kind], 199 if kind == "dict with a tuple key" else 200)
    text = encode(value)
    assert encode(decode(text)) == text
    check(value, "v")


@pytest.mark.parametrize("kind", TWICE)
def test_an_envelope_around_a_dict_counts_as_two_levels(kind: str) -> None:
    value = nested(TWICE[kind], 99 if "tuple key" in kind else 100)
    text = encode(value)
    assert encode(decode(text)) == text
    deeper = nested(TWICE[kind], 101)
    for action in (lambda: encode(deeper, "v"), lambda: check(deeper, "v")):
        with pytest.raises(UnsavableError, match="nested more than 200 levels deep") as caught:
            action()
        assert len(caught.value.path) < 80


@pytest.mark.parametrize("kind", TEXTS_TWICE)
def test_a_text_with_an_envelope_around_a_dict_has_the_same_limit(kind: str) -> None:
    opening, closing = TEXTS_TWICE[kind]
    text = opening * 100 + "0" + closing * 100
    assert encode(decode(text)) == text
    show(text)
    deeper = opening * 101 + "0" + closing * 101
    for read in (decode, show):
        with pytest.raises(UndecodableError, match="200 levels") as caught:
            read(deeper)
        assert len(caught.value.path) < 80


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize("more", [1, 2, 1000])
def test_one_level_more_is_refused_and_the_limit_named(kind: str, more: int) -> None:
    value = nested(LEVELS[kind], 200 + more)
    with pytest.raises(UnsavableError, match="nested more than 200 levels deep") as caught:
        encode(value, "v")
    assert len(caught.value.path) < 60
    with pytest.raises(UnsavableError, match="nested more than 200 levels deep"):
        check(value, "v")


def test_a_tuple_in_a_key_counts_as_a_level() -> None:
    key = nested(LEVELS["tuple"], 199)
    encode({key: 1})
    with pytest.raises(UnsavableError, match="200 levels") as caught:
        encode({(key,): 1}, "v")
    assert caught.value.path == "v"


def test_a_set_counts_as_a_level() -> None:
    encode({nested(LEVELS["tuple"], 199)})
    with pytest.raises(UnsavableError, match="200 levels"):
        encode({nested(LEVELS["tuple"], 200)})


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_has_the_same_limit(kind: str) -> None:
    opening, closing = TEXTS[kind]
    text = opening * 200 + "0" + closing * 200
    assert encode(decode(text)) == text
    show(text)
    deeper = opening * 201 + "0" + closing * 201
    for read in (decode, show):
        with pytest.raises(UndecodableError, match="200 levels") as caught:
            read(deeper)
        assert len(caught.value.path) < 60


@pytest.mark.parametrize("around", ['{"$set":[%s]}', '{"$dict":[[%s,1]]}'])
def test_a_text_too_deep_in_a_set_or_a_key_is_told_so(around: str) -> None:
    text = around % ('{"$tuple":[' * 200 + "0" + "]}" * 200)
    with pytest.raises(UndecodableError, match=r"in .*, it is nested more than 200 levels deep") as caught:
        decode(text, "v")
    assert caught.value.path == "v"


@pytest.mark.parametrize("opening", [opening for opening, _ in ALL_TEXTS.values()])
@pytest.mark.parametrize("times", [300, 1_000, 100_000])
def test_a_text_without_end_is_undecodable(opening: str, times: int) -> None:
    closing = dict(ALL_TEXTS.values())[opening]
    for text in (opening * times, opening * times + "0" + closing * times):
        for read in (decode, show):
            with pytest.raises(UndecodableError):
                read(text)


def _list_in_itself() -> tuple[Any, str, str]:
    value: list[Any] = [1]
    value.append(value)
    return value, "v[1]", "v"


def _dict_in_itself() -> tuple[Any, str, str]:
    value: dict[str, Any] = {"a": {}}
    value["a"]["b"] = value
    return value, "v['a']['b']", "v"


def _deeper() -> tuple[Any, str, str]:
    inner: list[Any] = [0, 1, []]
    inner[2].append({"back": inner})
    return {"k": (inner,)}, "v['k'][0][2][0]['back']", "v['k'][0]"


def _dataclass_in_itself() -> tuple[Any, str, str]:
    first, second = Node(), Node()
    first.next, second.next = second, first
    return [first], "v[0].next.next", "v[0]"


def _through_a_tuple() -> tuple[Any, str, str]:
    leg = Leg(1.0)
    leg.tags.append((leg,))
    return leg, "v.tags[0][0]", "v"


def _through_an_ordereddict() -> tuple[Any, str, str]:
    value: OrderedDict[str, Any] = OrderedDict()
    value["a"] = defaultdict(list, {"b": [value]})
    return [value], "v[0]['a']['b'][0]", "v[0]"


def _through_a_deque() -> tuple[Any, str, str]:
    value: deque[Any] = deque([0])
    value.append(defaultdict(int, a=value))
    return value, "v[1]['a']", "v"


def _through_a_named_tuple() -> tuple[Any, str, str]:
    basket = Basket(None)
    basket.item = Quote(1, basket)
    return basket, "v.to_state()['item'].ask", "v"


def _through_a_set() -> tuple[Any, str, str]:
    value: set[Any] = set()
    value.add(Holder([value]))
    return {"a": [value]}, "v['a'][0]", "v['a'][0]"


def _through_a_key() -> tuple[Any, str, str]:
    value: dict[Any, Any] = {}
    value[Holder((value,))] = 1
    return {"a": [value]}, "v['a'][0]", "v['a'][0]"


@pytest.mark.parametrize(
    "cycle",
    [
        *(_list_in_itself, _dict_in_itself, _deeper, _dataclass_in_itself, _through_a_tuple, _through_a_set),
        *(_through_a_key, _through_an_ordereddict, _through_a_deque, _through_a_named_tuple),
    ],
)
def test_a_value_that_contains_itself_is_refused_where_it_closes(cycle: Callable[[], tuple[Any, str, str]]) -> None:
    value, closes, origin = cycle()
    with pytest.raises(UnsavableError) as caught:
        encode(value, "v")
    assert caught.value.path == closes
    assert caught.value.problem.startswith(f"this is {origin} again; a value cannot contain itself")


def test_a_cycle_without_a_name_is_told_too() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(UnsavableError, match="this is the value itself again") as caught:
        encode(value)
    assert caught.value.path == "[0]"


def far_down(frames: int, action: Callable[[], Any]) -> Any:
    return action() if frames == 0 else far_down(frames - 1, action)


def frames_left() -> int:
    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    return sys.getrecursionlimit() - used


@pytest.mark.parametrize("left", [40, 100, 150])
@pytest.mark.parametrize(
    "kind", ["list", "tuple", "dict", "dict with a tuple key", "dataclass", "named tuple", "deque"]
)
def test_a_full_stack_is_an_unsavable_value_and_not_a_recursion_error(left: int, kind: str) -> None:
    value = nested(LEVELS[kind], 200)
    for action in (lambda: encode(value, "v"), lambda: check(value, "v")):
        with pytest.raises(UnsavableError, match="what is left of the stack") as caught:
            far_down(frames_left() - left, action)
        assert caught.value.path == "v"


@pytest.mark.parametrize("left", [40, 100, 150])
def test_a_cycle_on_a_full_stack_is_no_recursion_error_either(left: int) -> None:
    value, _, _ = _list_in_itself()
    with pytest.raises(UnsavableError):
        far_down(frames_left() - left, lambda: encode(value, "v"))


@pytest.mark.parametrize("left", [40, 100, 150])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_full_stack_is_an_undecodable_text_and_not_a_recursion_error(left: int, kind: str) -> None:
    opening, closing = TEXTS[kind]
    text = opening * 200 + "0" + closing * 200
    for action in (lambda: decode(text, "v"), lambda: show(text)):
        with pytest.raises(UndecodableError, match="too deep"):
            far_down(frames_left() - left, action)


def test_flat_values_are_stored_far_down_too() -> None:
    value = {"a": [1, (2, Leg(1.0)), {BERLIN.key: {3}}]}
    assert far_down(frames_left() - 40, lambda: encode(value)) == encode(value)
