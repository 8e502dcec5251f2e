"""Whatever several variables become one after the other, each state has the text of what all of them are then.

What is known of one depends on what the others were and did: some are looked at together, some not at all.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stratvars.capture import Capture
from stratvars.codec import decode, encode
from stratvars.codec.imprint import calm_of
from stratvars.contents import edit, values_of
from stratvars.errors import UnsavableError
from stratvars.vars import Vars

LONG = int(os.environ.get("STRATVARS_EXAMPLES", "20000"))
MAKERS: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 7,
    lambda: Decimal("1.5"),
    lambda: [1],
    lambda: {"k": [1]},
    lambda: ([1],),
    lambda: {1},
    lambda: deque([1]),
)
Report = Callable[[str, object], None]

names = st.sampled_from("abc")
kinds = st.sampled_from(
    [
        *["set"] * 3,
        *["grow"] * 5,
        "hold",
        "hold all",
        "grow what is held",
        "share",
        "delete",
        "edit",
        "restart",
        "spoil",
        "heal",
    ]
)
steps = st.tuples(kinds, names, st.integers(0, len(MAKERS) - 1))
rests = st.sampled_from([0, 1, 1, 2, 3, 9])
"""States taken after a step: none, or until what rests is looked at together, or not at all."""


def grow(value: Any, number: int) -> bool:
    """Change it in place, if it can be."""
    match value:
        case list() | deque():
            value.append(number)
        case dict():
            value["k"].append(number)
        case tuple():
            value[0].append(number)
        case set():
            value.add(number)
        case _:
            return False
    return True


def spoil(value: Any) -> None:
    """Put something into it that cannot be stored, if it is a list."""
    if isinstance(value, list):
        value.append(object())


def heal(value: Any) -> None:
    """Take that out again."""
    if isinstance(value, list):
        value[:] = [one for one in value if type(one) is not object]


class Bot:
    """Variables, their capture, and references that the program keeps."""

    def __init__(self) -> None:
        self.variables = Vars({"a": [0], "b": None, "c": {"k": []}})
        self.capture = Capture(self.variables, {})
        self.held: dict[str, Any] = {}
        self.taken: dict[str, str] = {}
        self.number = 1

    def do(self, what: str, name: str, choice: int) -> bool:
        """One step; whether it changed anything in place."""
        self.number += 1
        if what == "grow what is held":
            return grow(self.held.get(name), self.number)
        if what == "grow" and name in self.variables:
            return grow(self.variables[name], self.number)
        if name in self.variables or what in {"set", "edit"}:
            self._do_else(what, name, choice)
        return False

    def _do_else(self, what: str, name: str, choice: int) -> None:
        variables = self.variables
        match what:
            case "set":
                variables[name] = MAKERS[choice]()
            case "edit":
                edit(variables, {name: MAKERS[choice]()})
            case "delete":
                del variables[name]
            case "restart":
                self.restart()
            case "hold all":
                self.held = variables.all()
            case _:
                self._use(what, name, variables[name], choice)

    def _use(self, what: str, name: str, value: Any, choice: int) -> None:
        match what:
            case "spoil":
                spoil(value)
            case "heal":
                heal(value)
            case "hold":
                self.held[name] = value
            case "share":
                with suppress(UnsavableError):  # it is spoilt
                    self.variables["abc"[choice % 3]] = value

    def restart(self) -> None:
        """The variables and their capture as the next start has them."""
        for value in values_of(self.variables).values():
            heal(value)
        texts = {name: encode(value) for name, value in values_of(self.variables).items()}
        self.variables = Vars({name: decode(text) for name, text in texts.items()})
        self.capture = Capture(self.variables, texts)
        self.taken = texts
        self.held.clear()

    def check(self) -> None:
        """What is taken is what is there, or was the last time it could be stored.

        The values are looked up without being handed out.
        """
        state = self.capture.take()
        wanted, problems = {}, set()
        for name, value in values_of(self.variables).items():
            try:
                wanted[name] = encode(value)
            except UnsavableError:
                problems.add(name)
                if name in self.taken:
                    wanted[name] = self.taken[name]
        self.taken = dict(state.texts)
        assert self.taken == wanted
        assert list(self.taken) == list(wanted)
        assert set(state.held_back) == problems


def play(examples: int, report: Report) -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(st.tuples(steps, rests), min_size=10, max_size=40))
    def history(moves: list[tuple[tuple[str, str, int], int]]) -> None:
        bot = Bot()
        for step, rest in moves:
            counts["changed in place"] += bot.do(*step)
            for _ in range(rest):
                bot.check()
            counts["alone"] += bool(bot.capture._last.alone)
            counts["looked at together"] += bot.capture._last.calm is not None
            counts["held back"] += bool(bot.capture._last.state.held_back)
        bot.check()

    history()
    report("counted", f"histories of variables: {dict(counts)}")
    assert min(counts[what] for what in ("changed in place", "alone", "looked at together", "held back")) > examples / 4


def test_whatever_variables_become_one_after_the_other_each_state_is_what_they_are(record_property: Report) -> None:
    play(400, record_property)


@pytest.mark.torture
def test_whatever_variables_become_for_long_each_state_is_what_they_are(record_property: Report) -> None:
    play(LONG, record_property)


@pytest.mark.parametrize("before", [None, 7, "text", Decimal(1)])
def test_a_list_that_takes_the_place_of_a_value_at_rest_is_looked_at(before: object) -> None:
    variables = Vars({"legs": [1], "position": before})
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    variables.position = [1]
    capture.take()
    variables.position.append(2)
    assert capture.take().texts["position"] == "[1,2]"


def test_what_was_left_out_of_those_that_are_looked_at_together_is_seen_in_the_64th_state() -> None:
    variables = Vars({"legs": [1], "position": [1]})
    kept: list[list[int]] = [variables.legs, variables.position]  # so that neither is known to be out of reach
    capture = Capture(variables, {})
    for _ in range(3):
        capture.take()
    calm = calm_of({"legs": capture._last.restless["legs"]})
    capture._last = replace(capture._last, calm=calm)
    kept[1].append(2)
    assert {capture.take().texts["position"] for _ in range(60)} == {"[1]"}, "it is left out"
    assert "[1,2]" in {capture.take().texts["position"] for _ in range(5)}
