"""Seeing what the variables are at one moment, as texts, and what of it cannot be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratvars import codec
from stratvars.errors import UnsavableError
from stratvars.revision import State
from stratvars.vars import Vars

_NOTHING: Any = object()


class Capture:
    """Takes the states of one ``Vars``; remembers texts, so that what did not change costs little.

    A value that can change in place is encoded anew each time: only its text tells. One that cannot is known by
    being the same object. Thread-safe: a state is taken under the lock of the ``Vars``.
    """

    def __init__(self, variables: Vars, restored: Mapping[str, str]) -> None:
        self._vars = variables
        self._known: dict[str, tuple[Any, str]] = {name: (_NOTHING, text) for name, text in restored.items()}

    def take(self) -> State:
        """The state at this moment. Never raises for a value: one that cannot be stored is held back."""
        texts: dict[str, str] = {}
        held_back: dict[str, str] = {}
        with self._vars:
            values = self._vars.all()
            for name, value in values.items():
                try:
                    texts[name] = self._text(name, value)
                except UnsavableError as error:
                    held_back[name] = str(error)
                    if name in self._known:
                        texts[name] = self._known[name][1]
            for name in self._known.keys() - values.keys():
                del self._known[name]
        return State(texts, held_back)

    def _text(self, name: str, value: Any) -> str:
        known, text = self._known.get(name, (_NOTHING, ""))
        if known is value and codec.is_immutable(value):
            return text
        text = codec.encode(value, name)
        self._known[name] = (value, text)
        return text
