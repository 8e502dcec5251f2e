"""Objects of classes that were registered with two functions: the class's name and what ``to_state`` made of them.

What the functions return is checked, and so is what they raise: an error of theirs is told by its type alone, for its
text may quote the value. What ``to_state`` returns counts as one more level of nesting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stratvars.codec import names
from stratvars.codec.paths import Refusal, TooDeep, with_article
from stratvars.codec.reading import envelope_tag, expect, expect_pair, read
from stratvars.codec.registry import ENCODERS, add_tag, add_type
from stratvars.codec.tree import show_call, show_name, show_tree

_STEP = ".to_state()"


def add_converted(cls: type, name: str, to_state: Callable[[Any], Any], from_state: Callable[[Any], Any]) -> None:
    """Register the functions that write and read objects of a class."""
    converter = Converter(cls, name, to_state, from_state)
    names.keep_shape(cls, converter)
    add_type(cls, converter.encode)


@dataclass(frozen=True, slots=True)
class Converter:
    """How objects of one class are turned into what can be stored, and back."""

    cls: type
    name: str
    to_state: Callable[[Any], Any]
    from_state: Callable[[Any], Any]

    def encode(self, value: Any, room: int) -> Any:
        """Write an object as its class's name and its state."""
        if room == 0:
            raise TooDeep(value)
        state = _call(self.to_state, value, "to_state")
        try:
            return {"$object": [self.name, ENCODERS[type(state)](state, room - 1)]}
        except Refusal as refusal:
            refusal.climb(_STEP, value)
            raise

    def make(self, state: Any) -> Any:
        """Return the object of a state."""
        value = _call(self.from_state, state, "from_state")
        if type(value) is not self.cls:
            raise Refusal(
                f"the from_state of {self.name} returned {with_article(type(value).__name__)}; it must return an object"
                " of exactly the class it was registered for"
            )
        return value


def _call(function: Callable[[Any], Any], argument: Any, role: str) -> Any:
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001 - it is the user's and may fail in any way
        raise Refusal(f"its {role} raised {type(error).__name__}; try the function on an object of your own") from None


def _decode(payload: Any, room: int) -> Any:
    name, tree = expect_pair(payload)
    shape = names.shape_of(expect(name, str))
    if not isinstance(shape, Converter):
        raise names.changed(name, "registered with to_state and from_state")
    if room == 0:
        raise TooDeep(payload)
    try:
        state = read(tree, room - 1)
    except Refusal as refusal:
        refusal.climb(_STEP, payload)
        raise
    return shape.make(state)


def _show(payload: Any, room: int) -> str:
    name, tree = expect_pair(payload)
    if room == 0:
        raise TooDeep(payload)
    if type(tree) is dict and envelope_tag(tree) is None and all(map(str.isidentifier, tree)):
        return show_call(name, tree, room - 1)
    return f"{show_name(name)}({show_tree(tree, room - 1)})"


add_tag("$object", _decode, _show)
