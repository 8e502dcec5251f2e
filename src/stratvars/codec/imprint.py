"""Whether a value that can change in place has changed, told much faster than by writing its text.

An *imprint* is what ``marshal`` makes of a value: bytes in which a bool, an int and a float differ, and a list and a
tuple, 0.0 and -0.0, and one order of a dict and another. It is made in one step that no other thread can interrupt,
and only compared; to write the text of the very moment, the copy that it holds is read back. It never leaves the
process.

marshal refuses what is not of a type of its own, but writes whatever has a buffer, as an array or a number of numpy,
like bytes. So what an imprint tells is trusted only where the text speaks of none of these. Sets are left out too:
marshal may let another thread run while it walks through one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from marshal import dumps, loads
from typing import Any, NamedTuple

from stratvars.codec.registry import IMMUTABLE
from stratvars.codec.writing import encode
from stratvars.errors import UnsavableError

# Version 2 has no references: it would not come to an end on a list that was put into itself twice.
_VERSION = 4

# Inside of a text each quote has a backslash before it, so this finds envelopes alone.
_BEYOND = re.compile(r'\{"\$(?!(?:tuple|dict|float|int|str|complex)":)')

# Where threads run at the same time, another one changes what marshal is walking through.
_IS_ONE_STEP = sys.version_info < (3, 13) or sys._is_gil_enabled()  # noqa: SLF001 - Python has no other name for it

_UNLIKE_ANY = b"" if _IS_ONE_STEP else None


class Written(NamedTuple):
    """A variable as it was seen last.

    Attributes:
        value: the object.
        text: the last good one; None when there was none yet.
        problem: why ``text`` is not that of ``value``, if so.
        imprint: of the moment of ``text``; None for a value of which none can be trusted.
        can_change: whether the same object may have another text the next time.
    """

    value: Any
    text: str | None
    problem: str | None = None
    imprint: bytes | None = None
    can_change: bool = True

    def __repr__(self) -> str:
        return "Written(...)"  # what it holds may be an API key


NEW = Written(object(), None)
"""A variable that was never seen."""


def restored(text: str) -> Written:
    """Return a variable of which the text alone is known."""
    return NEW._replace(text=text, imprint=_first_imprint(text))


def look_again(variables: Mapping[str, Written]) -> dict[str, Written]:
    """Return those that are not known to be as they were, written anew. Thread-safe; never raises for a value."""
    fresh = {}
    for name, before in variables.items():
        value, _, _, imprint, _ = before
        seen = None
        if imprint is not None:
            seen = _imprint_of(value)
            if seen == imprint:
                continue
        fresh[name] = _write(name, before, seen)
    return fresh


class Calm(NamedTuple):
    """Variables in which nothing had changed, to be looked at together: in a third of the time of one by one.

    Attributes:
        values: of those that have an imprint.
        imprint: of all of these.
        others: the variables that have none.
    """

    values: list[Any]
    imprint: bytes
    others: dict[str, Written]

    def __repr__(self) -> str:
        return "Calm(...)"  # what it holds may be an API key


def calm_of(variables: Mapping[str, Written]) -> Calm | None:
    """Return what tells the next time that these are as they were; None where it cannot."""
    values = [one.value for one in variables.values() if one.imprint is not None]
    seen = _imprint_of_all(values)
    if seen is None:
        return None
    # What changed since they were looked at one by one must not be taken for what they were then.
    if any(_imprint_of(one.value) != one.imprint for one in variables.values() if one.imprint is not None):
        return None
    return Calm(values, seen, {name: one for name, one in variables.items() if one.imprint is None})


def is_as_it_was(calm: Calm) -> bool:
    """Whether the values that have an imprint have not changed; false also where that cannot be told."""
    return _imprint_of_all(calm.values) == calm.imprint


def _imprint_of_all(values: list[Any]) -> bytes | None:
    # marshal tells what is held once from what is held more often. Whether an argument is held by its caller or by the
    # called as well differs between releases of Python, so both lists are held twice in any case.
    pair = [values, values]
    held = (pair, pair)
    return _imprint_of(held[0])


def _imprint_of(value: Any) -> bytes | None:
    try:
        return dumps(value, _VERSION)
    except Exception:  # noqa: BLE001 - whatever marshal cannot do, the codec can, or tells why not
        return None


def write(name: str, value: object, before: Written) -> Written:
    """Return a variable that holds another object than before. Thread-safe; never raises for a value."""
    if type(value) in IMMUTABLE:
        return _encoded(name, value, before)
    replaced = before._replace(value=value)
    return look_again({name: replaced}).get(name, replaced)


def _write(name: str, before: Written, seen: bytes | None) -> Written:
    value = before.value
    if seen is not None:
        text = _text_of(seen)
        if text is not None:
            return Written(value, text, None, seen)
    return _encoded(name, value, before)


def _encoded(name: str, value: object, before: Written) -> Written:
    try:
        text = encode(value, name)
    except UnsavableError as error:
        return Written(value, before.text, str(error), None)
    if type(value) in IMMUTABLE:
        return Written(value, text, None, None, can_change=False)
    return Written(value, text, None, _first_imprint(text))


def _first_imprint(text: str) -> bytes | None:
    """Return what leads to an imprint at the next look, and None where it would be in vain."""
    return _UNLIKE_ANY if _is_trusted(text) else None


def _text_of(imprint: bytes) -> str | None:
    """Return the text of what was imprinted, or None where it cannot be trusted to be that."""
    try:
        text = encode(loads(imprint))  # noqa: S302 - our own bytes, of a moment ago
    except UnsavableError:
        return None
    return text if _is_trusted(text) else None


def _is_trusted(text: str) -> bool:
    return "$" not in text or _BEYOND.search(text) is None
