"""Whatever is changed in place, however deep, is in the next state; and what was not changed has the same text."""

from __future__ import annotations

import dataclasses
import marshal
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import cycle
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from registered import Basket, Defaults, Prices, Quote
from same import same, thorough, values

from examples import Leg, Node, Slotted
from stratvars.capture import Capture
from stratvars.codec import decode, encode, imprint
from stratvars.revision import State
from stratvars.vars import Vars

Change = Callable[[Any], object]
NEW = "put there in place"
FROM_PANDAS = "this StringArray holds texts of another type than str"
"""A dict that is put into a series may become a series of texts, with whatever subclasses of str it had."""


def _again(value: Any) -> None:
    """Take the first key out and put it in again, so that nothing but the order changes."""
    key = next(iter(value))
    value[key] = value.pop(key)


def _replace_first(value: Any) -> None:
    value[next(iter(value))] = NEW


def _label(columns: Any) -> Any:
    return NEW if columns.nlevels == 1 else (NEW,) * columns.nlevels


CHANGES: dict[type, dict[str, Change]] = {
    list: {
        "append": lambda value: value.append(NEW),
        "insert": lambda value: value.insert(0, NEW),
        "set": lambda value: value.__setitem__(-1, NEW),
        "pop": lambda value: value.pop(0),
        "reverse": lambda value: value.reverse(),
        "clear": lambda value: value.clear(),
    },
    dict: {
        "set": lambda value: value.__setitem__(NEW, 1),
        "replace": _replace_first,
        "delete": lambda value: value.popitem(),
        "order": _again,
    },
    set: {"add": lambda value: value.add(NEW), "pop": lambda value: value.pop()},
    deque: {
        "append": lambda value: value.append(NEW),
        "appendleft": lambda value: value.appendleft(NEW),
        "popleft": lambda value: value.popleft(),
        "rotate": lambda value: value.rotate(1),
        "set": lambda value: value.__setitem__(0, NEW),
    },
    bytearray: {
        "set": lambda value: value.__setitem__(0, value[0] ^ 1),
        "append": lambda value: value.append(0),
        "delete": lambda value: value.pop(),
    },
    OrderedDict: {
        "set": lambda value: value.__setitem__(NEW, 1),
        "move_to_end": lambda value: value.move_to_end(next(iter(value))),
        "move_to_front": lambda value: value.move_to_end(next(reversed(value)), last=False),
        "popitem": lambda value: value.popitem(last=False),
    },
    Counter: {
        "update": lambda value: value.update([NEW]),
        "subtract": lambda value: value.subtract([NEW]),
        "delete": lambda value: value.popitem(),
        "order": _again,
    },
    defaultdict: {
        "access": lambda value: value[NEW],
        "set": lambda value: value.__setitem__(NEW, 1),
        "factory": lambda value: setattr(value, "default_factory", str if value.default_factory is int else int),
    },
    Leg: {
        "set": lambda value: setattr(value, "right", NEW),
        "delete": lambda value: value.__dict__.pop("right"),
        "mutate": lambda value: value.tags.append(NEW),
    },
    np.ndarray: {
        "set": lambda value: value.reshape(-1, copy=False).__setitem__(0, np.zeros((), value.dtype)[()]),
        "reverse": lambda value: value.__setitem__(..., value[::-1].copy()),
        "read-only": lambda value: value.setflags(write=False),
    },
    pd.Series: {
        "set": lambda value: value.iloc.__setitem__(0, value.iloc[-1]),
        "name": lambda value: setattr(value, "name", NEW),
        "attrs": lambda value: value.attrs.update(note=NEW),
        "index": lambda value: setattr(value.index, "names", [NEW] * value.index.nlevels),
    },
    pd.DataFrame: {
        "insert": lambda value: value.insert(0, _label(value.columns), 1, allow_duplicates=True),
        "column": lambda value: value.isetitem(0, NEW),
        "attrs": lambda value: value.attrs.update(note=NEW),
        "index": lambda value: setattr(value, "index", range(5, 5 + len(value))),
    },
    Slotted: {"set": lambda value: setattr(value, "note", NEW)},
    Basket: {
        "set": lambda value: setattr(value, "item", NEW),
        "vars": lambda value: value.__dict__.update(note=NEW),
    },
    Prices: {"append": lambda value: value.append(NEW), "reverse": lambda value: value.reverse()},
    Defaults: {"access": lambda value: value[NEW], "order": _again},
}


def parts(value: Any) -> Iterator[Any]:
    """Yield what stands in a value; not in a set or a key, where nothing may change."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, deque)):
        yield from tuple.__iter__(value) if isinstance(value, tuple) else value
    elif dataclasses.is_dataclass(value):
        yield from (getattr(value, field.name) for field in dataclasses.fields(value))
    elif isinstance(value, Basket):
        yield from vars(value).values()


def changeable(value: Any) -> list[Any]:
    """Return all objects in a value, and itself, that can be changed here."""
    found = [value] if type(value) in CHANGES else []
    for part in parts(value):
        found += changeable(part)
    return found


def apply(change: Change, value: Any) -> None:
    try:
        change(value)
    except (LookupError, StopIteration, ValueError, TypeError):  # nothing to take out, no factory, a read-only array
        return


class Watched:
    """One value among the variables, and the states that are taken of it."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._vars = Vars({"still": [1, {2}], "plain": {"a": [1, 2.5]}, "v": value})
        # Between two changes it is looked at when nothing has changed, each time so often.
        self._rests = cycle((0, 3, 1, 2))
        self._capture = Capture(self._vars, {})
        self.state = self._capture.take()

    def change(self, action: Callable[[], None]) -> bool:
        """Do something to the value, check that the next state has it, and tell whether it changed anything."""
        before, exact = self.state, decode(self.state.texts["v"])
        for _ in range(next(self._rests)):
            assert self._capture.take().texts == before.texts
        action()
        self.state = self._capture.take()
        if any(FROM_PANDAS in problem for problem in self.state.held_back.values()):
            return False
        assert self.state.held_back == {}
        changed = not same(exact, self.value)
        assert (self.state.texts["v"] != before.texts["v"]) == changed
        assert same(decode(self.state.texts["v"]), self.value)
        assert self.state.texts["still"] == before.texts["still"]
        return changed


def check_changes(given_value: Any, seed: int, seen: Counter[tuple[type, str]]) -> None:
    random = Random(seed)
    watched = Watched(given_value)
    assert not watched.change(lambda: None)
    for _ in range(2):
        places = changeable(watched.value)
        place = random.choice(places)
        name, change = random.choice(list(CHANGES[type(place)].items()))
        if watched.change(lambda place=place, change=change: apply(change, place)):  # type: ignore[misc]
            seen[type(place), name] += 1


def test_changes_in_random_deep_places_are_seen_and_nothing_else() -> None:
    seen: Counter[tuple[type, str]] = Counter()

    @thorough
    @given(st.lists(values, min_size=1, max_size=3), st.integers(0, 2**32))
    def check(value: list[Any], seed: int) -> None:
        check_changes(value, seed, seen)

    check()
    assert seen.total() > thorough.max_examples / 4
    assert len(seen) > 5


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (list, lambda: [1, 2]),
        (dict, lambda: {"a": 1, "b": 2}),
        (set, lambda: {1, 2}),
        (deque, lambda: deque([1, 2], 5)),
        (bytearray, lambda: bytearray(b"ab")),
        (OrderedDict, lambda: OrderedDict(a=1, b=2)),
        (Counter, lambda: Counter("ab")),
        (defaultdict, lambda: defaultdict(list, {"a": [1]})),
        (np.ndarray, lambda: np.array([1.5, 2.5])),
        (pd.Series, lambda: pd.Series([1.5, 2.5])),
        (pd.DataFrame, lambda: pd.DataFrame({"a": [1, 2]})),
        (Leg, lambda: Leg(1.0, "put")),
        (Slotted, lambda: Slotted(1)),
        (Basket, lambda: Basket(1)),
        (Prices, lambda: Prices([1, 2])),
        (Defaults, lambda: Defaults({"a": 1, "b": 2})),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize(
    "around",
    [
        lambda inner: inner,
        lambda inner: (1, Quote(bid=Basket([{"k": inner}]))),
        lambda inner: OrderedDict(a=deque([defaultdict(list, {1: [Slotted(inner, Node())]})])),
    ],
)
def test_each_kind_of_change_is_seen_in_each_place(
    kind: type, make: Callable[[], Any], around: Callable[[Any], Any]
) -> None:
    for name, change in CHANGES[kind].items():
        for rests in range(4):
            value = make()
            watched = Watched(around(value))
            for _ in range(rests):
                watched.change(lambda: None)
            assert watched.change(lambda change=change, value=value: apply(change, value)), name  # type: ignore[misc]


def test_what_is_restored_and_not_touched_has_the_text_it_was_restored_from() -> None:
    value = OrderedDict(a=deque([Basket({1: Counter("ab")}), bytearray(b"x"), frozenset({b"y"})], 9))
    text = encode(value)
    restored = decode(text)
    state: State = Capture(Vars({"v": restored}), {"v": text}).take()
    assert state.texts == {"v": text}


def test_a_state_in_which_nothing_has_changed_is_the_object_that_was_there() -> None:
    capture = Capture(Vars({"plain": {"a": [1, 2.5]}, "set": {1}, "n": 1}), {})
    first = capture.take()
    assert all(capture.take() is first for _ in range(5))


def test_plain_values_at_rest_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = Vars({f"v{number}": [number, {"a": 1.5}] for number in range(50)})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    looks: list[object] = []

    def counted(value: Any, version: int) -> bytes:
        looks.append(value)
        return marshal.dumps(value, version)

    monkeypatch.setattr(imprint, "dumps", counted)
    capture.take()
    assert len(looks) == 1
    variables.v7[0] = "other"
    assert capture.take().texts["v7"] == '["other",{"a":1.5}]'


def test_what_changes_while_it_is_found_at_rest_is_seen_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[int] = [1]
    variables = Vars({"a": first, "b": [2]})
    capture = Capture(variables, {})

    def disturbed(value: Any, version: int) -> bytes:
        if value == [[[1], [2]]] * 2:  # both, to be known together from now on
            first.append(3)
        return marshal.dumps(value, version)

    monkeypatch.setattr(imprint, "dumps", disturbed)
    for _ in range(3):
        capture.take()
    assert first == [1, 3]
    assert capture.take().texts == {"a": "[1,3]", "b": "[2]"}


def test_a_value_that_becomes_unsavable_among_others_at_rest_keeps_its_newest_text() -> None:
    variables = Vars({"plain": [1], "tags": {1}})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    tags: Any = variables.tags
    tags.add(2)
    assert capture.take().texts["tags"] == encode({1, 2})
    tags.add(object())
    assert capture.take().texts["tags"] == encode({1, 2})
    assert list(capture.take().held_back) == ["tags"]
