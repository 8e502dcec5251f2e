"""From a value to its text."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from stratvars.codec import jsontext
from stratvars.codec.paths import LIMIT, Refusal
from stratvars.codec.registry import ENCODERS, IMMUTABLE
from stratvars.errors import UnsavableError

_ALWAYS_STORABLE = frozenset({type(None), bool, int, float, str})
_LARGEST = 2**63
_NO_STACK_LEFT = (
    "it is nested too deeply for what is left of the stack here; save from a function that is called less deeply"
)


def encode(value: object, name: str = "") -> str:
    """Return the JSON text of a value: strict, deterministic, without NUL, valid as UTF-8.

    Containers are copied before they are walked, so another thread may change them meanwhile. Thread-safe.

    Raises:
        UnsavableError: the value, or something in it, cannot be stored exactly; its path begins with ``name``.
    """
    try:
        return jsontext.write(ENCODERS[type(value)](value, LIMIT)).decode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as what cannot be stored
        raise _unsavable(error, value, name) from None


def encode_plain(values: Mapping[str, Any]) -> dict[str, str]:
    """The texts of those that are plain JSON as they are, as ``encode`` writes them: most numbers and short texts.

    At once, for most of what changes between two backups is such.
    """
    return {
        name: jsontext.write(value).decode()
        for name, value in values.items()
        if (kind := type(value)) is bool
        or (kind is float and isfinite(value))
        or (kind is int and -_LARGEST <= value <= _LARGEST)
        or (kind is str and value.isascii())
    }


def check(value: object, name: str) -> None:
    """Raise what ``encode`` would raise; at once for numbers, text, booleans and None. Thread-safe."""
    if type(value) in _ALWAYS_STORABLE:
        return
    try:
        ENCODERS[type(value)](value, LIMIT)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as what cannot be stored
        raise _unsavable(error, value, name) from None


def is_immutable(value: Any) -> bool:
    """Tell whether a storable value can never change in place, so that its text may be kept as long as it is.

    Tuples and frozen dataclasses may hold something that changes: they are not. Thread-safe.
    """
    return type(value) in IMMUTABLE


def _unsavable(error: Exception, value: object, name: str) -> UnsavableError:
    match error:
        case Refusal():
            return UnsavableError(*error.report(name))
        case RecursionError():
            return UnsavableError(name, _NO_STACK_LEFT)
        case MemoryError():
            raise error
    try:
        ENCODERS[type(value)](value, LIMIT)
    except Exception as again:  # noqa: BLE001 - as there
        # A value that somebody has tampered with, or a newer release of the library that it is from. All other
        # variables must not be held back with it. What it says may show the value.
        problem = f"it cannot be stored: its own code raised {type(again).__name__}; store what it holds instead"
        return UnsavableError(name, problem)
    raise error  # by a signal handler of the program
