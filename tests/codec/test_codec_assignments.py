"""Whatever is assigned, in whatever way and from whatever thread, is in the next state, and that costs little."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from same import thorough

from stratvars import vars as vars_module
from stratvars.capture import Capture
from stratvars.contents import lay_over
from stratvars.vars import Vars, replace_all
from test_vars import PUBLIC

NAMES = ("a", "b", "c")

Way = Callable[[Vars, str, Any], object]
WAYS: dict[str, Way] = {
    "__setitem__": lambda v, name, value: v.__setitem__(name, value),
    "__setattr__": setattr,
    "set": lambda v, name, value: v.set(name, value),
    "setdefault": lambda v, name, value: v.setdefault(name, value),
    "update": lambda v, name, value: v.update({name: value, "b": value}),
    "update by name": lambda v, name, value: v.update(**{name: value}),
    "update with pairs": lambda v, name, value: v.update([(name, value)]),
    "pop": lambda v, name, _: v.pop(name),
    "pop with default": lambda v, name, value: v.pop(name, value),
    "popitem": lambda v, *_: v.popitem(),
    "clear": lambda v, *_: v.clear(),
    "__delitem__": lambda v, name, _: v.__delitem__(name),
    "__delattr__": lambda v, name, _: delattr(v, name),
    "__setstate__": lambda v, name, value: v.__setstate__({name: value}),
    "lay_over": lambda v, name, value: lay_over(v, {name: value}),
    "replace_all": lambda v, name, value: replace_all(v, {name: value, "c": value}),
    "order": lambda v, name, _: v.set(name, v.pop(name)),
}
SHARED: tuple[Any, ...] = (1, True, 1.0, 0.0, -0.0, "1", None, (1,), float("nan"), [1], {"a": [2]})
"""Some of these equal each other and are not the same."""


def act(way: Way, variables: Vars, name: str, value: Any) -> None:
    try:
        way(variables, name, value)
    except (KeyError, AttributeError):  # there is no variable of that name
        return


def require_seen(capture: Capture, variables: Vars) -> None:
    state, expected = capture.take(), Capture(variables, {}).take()
    assert list(state.texts.items()) == list(expected.texts.items())


def test_each_method_that_can_change_variables_is_among_the_ways() -> None:
    reading = {"get", "items", "keys", "values", "copy", "all"}
    assert {name for name in dir(Vars) if not name.startswith("_")} == reading | (set(PUBLIC.split()) & WAYS.keys())
    special = {"__setitem__", "__setattr__", "__delitem__", "__delattr__", "__setstate__"}
    assert special == {name for name in vars(Vars) if name.startswith("__")} & WAYS.keys()


_steps = st.tuples(st.sampled_from(sorted(WAYS)), st.sampled_from(NAMES), st.sampled_from(SHARED), st.booleans())


def test_each_way_of_assigning_is_seen_and_no_other_variable_is_written(
    record_property: Callable[[str, object], None],
) -> None:
    seen: Counter[str] = Counter()

    @thorough
    @given(st.lists(_steps, min_size=1))
    def assign(steps: list[tuple[str, str, Any, bool]]) -> None:
        variables = Vars({"a": 1, "b": [1]})
        capture = Capture(variables, {})
        capture.take()
        for way, name, value, takes in steps:
            before = list(variables.items())
            act(WAYS[way], variables, name, value)
            if takes:
                require_seen(capture, variables)
            seen[way] += before != list(variables.items())
        require_seen(capture, variables)

    assign()
    assert seen.total() > thorough.max_examples / 2
    record_property("counted", f"capture: {seen.total()} assignments in {len(seen)} ways, each seen")


@pytest.mark.parametrize("way", WAYS)
def test_one_value_in_place_of_an_equal_one_is_seen(way: str) -> None:
    for old in SHARED:
        for new in SHARED:
            variables = Vars({"a": old, "b": old})
            capture = Capture(variables, {})
            capture.take()
            act(WAYS[way], variables, "a", new)
            require_seen(capture, variables)


def interrupting(step: int, at: Callable[[], object]) -> Callable[[FrameType, str, object], Any]:
    """Return a tracer that does something at the given line that is executed in the module of ``Vars``."""
    left = step

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != vars_module.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                at()
        return trace

    return trace


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_ended", [False, True], ids=["a state is taken", "it ends there"])
def test_an_assignment_that_is_interrupted_anywhere_is_seen_if_it_was_made(way: str, is_ended: bool) -> None:
    """A finalizer takes a state in the midst of an assignment; then Ctrl-C ends it, or it goes on."""
    met = Counter[str]()

    def at() -> None:
        met["line"] += 1
        capture.take()
        if is_ended:
            raise KeyboardInterrupt

    for step in range(1, 60):
        variables = Vars({"a": 1, "b": [1]})
        capture = Capture(variables, {})
        capture.take()
        before = sys.gettrace()
        sys.settrace(interrupting(step, at))
        try:
            act(WAYS[way], variables, "a", (2,))
        except KeyboardInterrupt:
            met["interrupted"] += 1
        finally:
            sys.settrace(before)
        require_seen(capture, variables)
    assert met["line"] >= 5
    assert met["interrupted"] == (met["line"] if is_ended else 0)


def test_what_many_threads_assign_is_never_missed() -> None:
    variables = Vars(dict.fromkeys(NAMES, -1))
    capture = Capture(variables, {})
    counts = range(1500)
    done = threading.Event()
    found: list[str] = []

    def write(name: str) -> None:
        for count in counts:
            setattr(variables, name, count)
            variables.update({f"{name}{count % 3}": [count]})
            variables.pop(f"{name}{(count + 1) % 3}", None)
            with variables:
                # Nobody else can have changed it, and it was assigned before the state is taken.
                if capture.take().texts[name] != str(count):
                    found.append(f"{name} at {count}")

    def read() -> None:
        while not done.is_set():
            capture.take()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(name,)) for name in NAMES]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert found == []
    require_seen(capture, variables)


def test_what_did_not_change_is_found_without_looking_at_a_variable() -> None:
    """However many scalars there are: the number of steps stays."""
    steps = []
    for size in (10, 1000):
        capture = Capture(Vars({f"v{number}": number for number in range(size)}), {})
        capture.take()
        met = Counter[str]()

        def trace(frame: FrameType, event: str, _: object, met: Counter[str] = met) -> Any:
            met[event] += 1
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            capture.take()
        finally:
            sys.settrace(before)
        steps.append(met)
    assert steps[0] == steps[1]
    assert steps[0]["line"] > 3
