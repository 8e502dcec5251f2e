"""A variable that nobody can have changed is not looked at, and whoever can have changed it is noticed."""

from __future__ import annotations

import copy
import gc
import marshal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same import thorough

from stratvars import capture as capture_module
from stratvars.capture import Capture
from stratvars.codec import encode, imprint, unshared
from stratvars.contents import values_of, watched_by
from stratvars.vars import Vars

MANY = unshared._EACH * 3
"""So many states are taken until what nobody else can reach is found."""


def grown() -> Any:
    return [{"legs": [{"strike": 1.5}, {"strike": 2.5}], "pair": (1, [2])}, [[3]]]


def rested(variables: Vars, capture: Capture | None = None) -> Capture:
    """After so many iterations that did not use them."""
    capture = capture or Capture(variables, {})
    for _ in range(MANY):
        capture.take()
    return capture


def truth(variables: Vars) -> dict[str, str]:
    """What a state has to be, seen without the variables' noticing."""
    return {name: encode(value, name) for name, value in values_of(variables).items()}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is looked at."""
    seen: list[Any] = []

    def noting(value: Any, version: int) -> bytes:
        seen.append(copy.deepcopy(value))
        return marshal.dumps(value, version)

    monkeypatch.setattr(imprint, "dumps", noting)
    return seen


def test_what_no_iteration_uses_is_not_looked_at(looks: list[Any]) -> None:
    variables = Vars({"big": grown(), "used": [1], "count": 0})
    capture = Capture(variables, {})
    for number in range(MANY):
        variables.count = number
        variables.used[0] = number
        capture.take()
    looks.clear()
    for number in range(unshared._CHECK // 2):
        variables.count = number
        variables.used[0] = -number
        assert capture.take().texts == truth(variables)
    assert looks
    assert not any(grown() in (look, *look) for look in looks)


def test_what_is_used_each_time_is_never_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unshared, "is_unshared", lambda *_: pytest.fail("searched"))
    variables = Vars({"big": grown(), "new": [0]})
    capture = Capture(variables, {})
    for number in range(MANY):
        assert variables.big[1] == [[3]]
        variables.new = [number]
        capture.take()


def test_what_somebody_else_holds_for_good_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    held = grown()
    variables = Vars({"big": held})
    capture = rested(variables)
    monkeypatch.setattr(unshared, "is_unshared", lambda *_: pytest.fail("searched again"))
    rested(variables, capture)
    held.append(1)
    assert capture.take().texts == truth(variables)


def _mapped(variables: Vars) -> Any:
    keys: Any = variables.keys()
    return keys.mapping["big"]


def _put_back(target: Vars, value: Any) -> Any:
    target.big = value
    return value


def _updated(target: Vars, source: Vars) -> Vars:
    target.update(source)
    return target


def _matched(variables: Vars) -> Any:
    match variables:
        case {"big": found}:
            return found


WAYS: dict[str, Callable[[Vars], Any]] = {
    "attribute": lambda variables: variables.big,
    "item": lambda variables: variables["big"],
    "get": lambda variables: variables.get("big"),
    "all": lambda variables: variables.all()["big"],
    "values": lambda variables: next(iter(variables.values())),
    "items": lambda variables: dict(variables.items())["big"],
    "dict": lambda variables: dict(variables)["big"],
    "stars": lambda variables: dict(**variables)["big"],
    "keys": _mapped,
    "pickle": lambda variables: variables.__reduce__()[2]["big"],
    "state": lambda variables: variables.__getstate__()["big"],
    "setdefault": lambda variables: variables.setdefault("big", []),
    "copy": lambda variables: variables.copy().big,
    "copy.copy": lambda variables: copy.copy(variables).big,
    "another Vars": lambda variables: Vars(variables).big,
    "update": lambda variables: _updated(Vars(), variables).big,
    "pop": lambda variables: _put_back(variables, variables.pop("big")),
    "popitem": lambda variables: _put_back(variables, variables.popitem()[1]),
    "match": _matched,
    "getattr": lambda variables: getattr(variables, "big", None),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_a_variable_has_it_looked_at_again(way: str) -> None:
    variables = Vars({"big": grown()})
    capture = rested(variables)
    assert list(capture._last.alone) == ["big"]
    WAYS[way](variables)[0]["legs"][1]["strike"] = 9.5
    assert capture.take().texts == truth(variables)
    assert "9.5" in capture.take().texts["big"]


def _held_in_a_thread(held: list[Any]) -> Callable[[], None]:
    """By the name of a function that another thread is in the middle of."""
    begun, end, ended = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        mine = held.pop()
        begun.set()
        end.wait()
        mine.append("changed")
        ended.set()

    threading.Thread(target=hold, daemon=True).start()
    begun.wait()

    def change() -> None:
        end.set()
        ended.wait()

    return change


def _held_in_a_generator(held: list[Any]) -> Callable[[], object]:
    def hold() -> Iterator[None]:
        mine = held.pop()
        yield
        mine.append("changed")
        yield

    generator = hold()
    next(generator)
    return partial(next, generator)


def _held_in_an_error(held: list[Any]) -> Callable[[], object]:
    def fail() -> None:
        mine = held.pop()
        raise ValueError(len(mine))

    try:
        fail()
    except ValueError as error:
        kept = error
    return lambda: kept.__traceback__.tb_next.tb_frame.f_locals["mine"].append("changed")  # type: ignore[union-attr]


HOLDERS: dict[str, Callable[[list[Any]], Callable[[], object]]] = {
    "name": lambda held: partial(list.append, held.pop(), "changed"),
    "method": lambda held: partial(held.pop().append, "changed"),
    "list": lambda held: partial(lambda kept: kept[0].append("changed"), held),
    "tuple": lambda held: partial(lambda kept: kept[0].append("changed"), (held.pop(),)),
    "iterator": lambda held: partial(lambda kept: kept.__reduce__()[1][0].append("changed"), iter(held.pop())),
    "thread": _held_in_a_thread,
    "generator": _held_in_a_generator,
    "error": _held_in_an_error,
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(
    "part",
    [
        lambda big: big,
        lambda big: big[0]["legs"],
        lambda big: big[0]["pair"][1],
        lambda big: big[1][0],
    ],
    ids=["the value", "a list in a dict", "a list in a tuple", "a list in a list"],
)
def test_whoever_holds_a_part_of_a_variable_has_it_looked_at(part: Callable[[Any], Any], holder: str) -> None:
    variables = Vars({"big": grown(), "other": [[1]]})
    change = HOLDERS[holder]([part(variables.big)])
    capture = rested(variables)
    assert list(capture._last.alone) == ["other"]
    change()
    assert "changed" in capture.take().texts["big"]
    assert capture.take().texts == truth(variables)


def test_whoever_gave_all_variables_at_once_holds_none_of_them() -> None:
    given = {"big": grown()}
    variables = Vars()
    variables.__setstate__(given)
    capture = Capture(variables, {})
    del given["big"]
    rested(variables, capture)
    assert list(capture._last.alone) == ["big"]
    given["big"] = [1]
    assert capture.take().texts == truth(variables) == {"big": encode(grown())}


class Caseless(str):
    """A name with a comparison of its own, in which other threads may run."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(self.lower())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()


def test_a_name_is_the_text_that_it_is_however_it_compares() -> None:
    variables = Vars({"big": grown()})
    rested(variables)
    assert variables[Caseless("big")] == grown()
    assert all(type(name) is str for name in watched_by(variables))
    assert "big" in watched_by(variables)
    assert variables.get(Caseless("BIG")) is None
    assert getattr(variables, Caseless("BIG"), None) is None


def test_the_notes_of_names_do_not_grow() -> None:
    unwatched, variables, numbers = Vars(), Vars({"big": grown()}), Vars({"n": 1})
    captures = [Capture(variables, {}), Capture(numbers, {})]
    capture = captures[0]
    for number in range(1000):
        for one in (unwatched, variables, numbers):
            name = f"v{number}"
            one[name] = number
            assert one[name] == number
            del one[name]
        for each in captures:
            each.take()
    assert not watched_by(unwatched)
    assert len(watched_by(variables)) <= unshared._EACH
    assert len(watched_by(numbers)) <= capture_module._MANY
    for number in range(3):
        held = [[number]]
        variables[f"held{number}"] = held
        rested(variables, capture)
        assert f"held{number}" in capture._search._shared
        del variables[f"held{number}"]
    rested(variables, capture)
    assert len(capture._search._shared) == len(capture._search._before) == 0


def test_what_somebody_held_is_searched_again_once_it_was_used_again() -> None:
    variables = Vars({"big": grown()})
    part = variables.big[1]
    capture = rested(variables)
    assert not capture._last.alone
    del part
    assert variables.big
    assert list(rested(variables, capture)._last.alone) == ["big"]


def test_each_of_two_who_take_the_states_of_the_same_variables_sees_all_changes() -> None:
    variables = Vars({"big": grown()})
    first = rested(variables)
    assert list(first._last.alone) == ["big"]
    second = rested(variables)
    for number in range(MANY * 2):
        variables.big[0]["legs"][0]["strike"] = number
        for capture in (first, second) if number % 3 else (second, first):
            assert capture.take().texts == truth(variables)
        rested(variables, second if number % 2 else first)


def test_what_another_thread_is_handed_while_a_state_is_taken_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = Vars({"big": grown(), "other": [[1]]})
    capture = rested(variables)
    assert len(capture._last.alone) == 2
    held: list[Any] = []
    woken = capture_module._restless_again

    def meanwhile(*arguments: Any) -> Any:
        last = woken(*arguments)
        held.append(variables.other[0])
        return last

    monkeypatch.setattr(capture_module, "_restless_again", meanwhile)
    assert variables.big
    capture.take()
    held[0].append("changed")
    assert capture.take().texts == truth(variables)


@pytest.mark.parametrize(
    "around", [lambda part: [part, part], lambda part: {"a": part, "b": [part]}, lambda part: [(part,), part]]
)
def test_a_value_that_holds_a_part_of_itself_twice_is_looked_at(around: Callable[[list[int]], Any]) -> None:
    variables = Vars({"big": around([1])})
    assert not rested(variables)._last.alone


def test_tuples_that_nobody_can_change_may_be_shared() -> None:
    capture = Capture(Vars({"big": [("buy", 1), ("sell", (2, 3)), ()]}), {})
    gc.collect()
    assert list(rested(Vars(), capture)._last.alone) == ["big"]


def test_a_holder_that_changes_a_part_and_lets_it_go_before_a_search_is_seen() -> None:
    for many in range(1, MANY):
        variables = Vars({"big": grown()})
        capture = Capture(variables, {})
        part: Any = variables.big[1]
        for _ in range(many):
            capture.take()
        part.append("changed")
        del part
        assert "changed" in capture.take().texts["big"]
        variables.big[1].pop()
        assert capture.take().texts == truth(variables)


def test_two_variables_that_share_a_part_are_looked_at() -> None:
    part = [1]
    variables = Vars({"a": {"x": part}, "b": [part], "c": part})
    del part
    capture = rested(variables)
    assert not capture._last.alone
    variables.a["x"].append(2)
    assert capture.take().texts == truth(variables)


def test_a_variable_that_is_used_again_after_a_long_time_is_seen_each_time() -> None:
    variables = Vars({"big": grown(), "count": 0})
    capture, found = Capture(variables, {}), 0
    for number in range(20):
        rested(variables, capture)
        found += "big" in capture._last.alone
        part = variables.big[0]["legs"]
        for again in range(3):
            part.append(number + again)
            assert capture.take().texts == truth(variables)
        del part
    assert found == 20


def test_an_assignment_a_removal_and_another_order_are_seen_of_what_was_not_looked_at() -> None:
    variables = Vars({"a": grown(), "b": grown(), "c": grown()})
    capture = rested(variables)
    assert list(capture._last.alone) == ["a", "b", "c"]
    variables.a = [1]
    assert capture.take().texts == truth(variables)
    del variables.b
    assert capture.take().texts == truth(variables)
    variables.c = variables.pop("c")
    variables.b = grown()
    assert capture.take().texts == truth(variables)
    assert list(capture.take().texts) == ["a", "c", "b"]


def test_a_change_that_no_count_tells_of_is_seen_after_so_many_states_at_the_latest() -> None:
    variables = Vars({"big": grown()})
    capture = rested(variables)
    values_of(variables)["big"].append(1)
    before = capture.take()
    assert before.texts != truth(variables), "else this shows nothing"
    for _ in range(unshared._CHECK):
        capture.take()
    assert capture.take().texts == truth(variables)


def test_nothing_is_left_out_where_the_interpreter_keeps_no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "IS_TOLD", False)
    variables = Vars({"big": grown()})
    assert not rested(variables)._last.alone


plain = st.recursive(
    st.integers() | st.floats() | st.text(max_size=3) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2) | st.integers(0, 3), inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
    ),
    max_leaves=8,
)


class Strategy:
    """Uses two variables at random: holds parts of them, lets them go, moves them, and changes them in place."""

    def __init__(self, a: Any, b: Any, random: Random) -> None:
        self.vars = Vars({"a": [a], "b": {"x": b}})
        self.random = random
        self.held: list[Any] = []
        self.did: Counter[str] = Counter()

    def act(self) -> None:
        name, how = self.random.choice(
            [(name, how) for name, how in vars(type(self)).items() if name.startswith("_on")]
        )
        self.did[name] += 1
        how(self)

    def _on_take_hold(self) -> None:
        place = self.vars[self.random.choice("ab")]
        while self.random.random() < 0.7:
            below = [one for one in _inside(place) if type(one) in (list, dict, tuple)]
            if not below:
                break
            place = self.random.choice(below)
        self.held.append(place)

    def _on_go_deeper(self) -> None:
        if self.held:
            below = [one for one in _inside(self.held.pop()) if type(one) in (list, dict, tuple)]
            self.held += below[:1]

    def _on_let_go(self) -> None:
        if self.held:
            self.held.pop(self.random.randrange(len(self.held)))

    def _on_let_all_go(self) -> None:
        self.held.clear()

    def _on_change(self) -> None:
        for place in self.held:
            self._change(place)

    def _on_change_unheld(self) -> None:
        self._change(self.vars.a if self.random.random() < 0.5 else self.vars.get("b"))

    def _on_move(self) -> None:
        if len(self.held) > 1 and encode(self.held[0]) != encode(self.held[1]):
            part = self.held[0]
            if not any(one is self.held[1] for one in _all_inside(part)):
                self._change(self.held[1], part)

    def _on_assign(self) -> None:
        self.vars.a = [[self.random.random()], {"x": [1]}]

    def _change(self, place: Any, value: Any = None) -> None:
        value = self.random.random() if value is None else value
        if type(place) is list:
            place.append(value)
        elif type(place) is dict:
            place[f"k{self.random.randrange(3)}"] = value


def _inside(place: Any) -> list[Any]:
    return list(place.values()) if type(place) is dict else list(place)


def _all_inside(place: Any) -> list[Any]:
    found = [place]
    for one in found:
        if type(one) in (list, dict, tuple):
            found += _inside(one)
    return found


def test_whatever_a_strategy_does_to_what_it_holds_is_in_the_next_state() -> None:
    did: Counter[str] = Counter()
    resting = 0

    @settings(thorough, max_examples=thorough.max_examples * 3)
    @given(plain, plain, st.integers(0, 2**32))
    def check(a: Any, b: Any, seed: int) -> None:
        nonlocal resting
        strategy = Strategy(copy.deepcopy(a), copy.deepcopy(b), Random(seed))
        capture = Capture(strategy.vars, {})
        for _ in range(12):
            for _ in range(strategy.random.choice((1, 1, 2, MANY))):
                state = capture.take()
            resting += len(capture._last.alone)
            for _ in range(strategy.random.randrange(4)):
                strategy.act()
            state = capture.take()
            assert {**state.texts, **dict.fromkeys(state.held_back)} == {
                name: None if name in state.held_back else text for name, text in truth(strategy.vars).items()
            }
        did.update(strategy.did)

    check()
    assert resting > thorough.max_examples
    assert len(did) == len([name for name in vars(Strategy) if name.startswith("_on")])


def test_a_change_by_another_thread_is_in_the_first_state_after_it() -> None:
    variables = Vars({"big": grown(), "other": grown()})
    capture = Capture(variables, {})
    written, is_over = 0, threading.Event()

    def change() -> None:
        nonlocal written
        random = Random(1)
        while not is_over.is_set():
            legs = variables.big[0]["legs"]
            for _ in range(random.randrange(3)):
                legs[0]["strike"] = written + 1.0
                written += 1
            del legs
            is_over.wait(random.choice((0.0, 0.0001, 0.001, 0.02)))

    thread = threading.Thread(target=change)
    thread.start()
    resting = 0
    timer = threading.Timer(1.0, is_over.set)
    timer.start()
    while not is_over.is_set():
        at_least = written
        state = capture.take()
        resting += "big" in capture._last.alone
        seen = float(state.texts["big"].split('"strike":')[1].split("}")[0])
        assert at_least == 0 or seen >= at_least
    thread.join()
    assert capture.take().texts == truth(variables)
    assert resting > 0
    assert written > 50


def test_a_collection_of_garbage_changes_no_count() -> None:
    variables = Vars({f"v{number}": grown() for number in range(5)})
    capture = Capture(variables, {})
    for number in range(MANY):
        if number % unshared._EACH > unshared._EACH - 3:
            gc.collect()
        capture.take()
    assert len(capture._last.alone) == 5
