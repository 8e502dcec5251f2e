"""``VARIABLE=VALUE`` on a command line, read as the type that the variable has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from stratvars import codec
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError, UsageError

_BOOLS: Final = {"true": True, "false": False}
_JSON_WORDS: Final = {"true": True, "false": False, "null": None}


def texts_of(assignments: Sequence[str], current: Mapping[str, str], whose: str) -> dict[str, str]:
    """The JSON text of each variable that is set.

    Args:
        assignments: as they were typed.
        current: the texts of the variables as they are.
        whose: the strategy's name.

    Raises:
        UsageError: one of them cannot be read, or names a variable twice.
    """
    texts: dict[str, str] = {}
    for assignment in assignments:
        name, is_json, value = _parts(assignment)
        if name in texts:
            raise UsageError(f"{name} is set twice; set it once")
        texts[name] = _json_text(name, value) if is_json else _text(name, value, current.get(name), whose)
    return texts


def _parts(assignment: str) -> tuple[str, bool, str]:
    name, sign, value = assignment.partition("=")
    is_json = name.endswith(":")
    name = name.removesuffix(":") if is_json else name
    if not sign or not name:
        raise UsageError(f"{assignment!r} sets nothing; write VARIABLE=VALUE, or VARIABLE:=JSON")
    return name, is_json, value


def _json_text(name: str, value: str) -> str:
    # Read and written again: what is stored is what the strategy itself would store.
    try:
        return codec.encode(codec.decode(value, name), name)
    except UndecodableError as error:
        if not _is_json(value):
            raise UsageError(
                f"{name}:= wants JSON, and {value!r} is none: {error.problem}. A string needs quotes"
            ) from None
    try:
        show(value)
    except UndecodableError as error:
        raise UsageError(
            f"{name}:= cannot be read: {error.problem}. Write it as it is stored; see: stratvars show --json"
        ) from None
    return value  # an object of a class that only the strategy knows; it refuses what it cannot read


def _is_json(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _text(name: str, value: str, current: str | None, whose: str) -> str:
    if current is None:
        return codec.encode(_new(value), name)
    try:
        old = codec.decode(current, name)
    except UndecodableError:
        raise UsageError(f"{name} of {whose} is of a class that only the strategy knows; write {name}:=JSON") from None
    if old is None:
        return codec.encode(_new(value), name)
    return codec.encode(_like(name, value, type(old)), name)


def _new(value: str) -> Any:
    if value in _JSON_WORDS:
        return _JSON_WORDS[value]
    for read in (int, float):
        try:
            number = read(value)
        except ValueError:
            continue
        if abs(number) != math.inf or not any(character.isdigit() for character in value):
            return number
    return value  # also a number that is too large to be one


def _like(name: str, value: str, kind: type) -> Any:
    read = _READERS.get(kind)
    is_a = f"{name} is {'an' if kind is int else 'a'} {kind.__name__}"
    if read is None:
        raise UsageError(f"{is_a}, which cannot be written like that; write {name}:=JSON")
    try:
        return read(value)
    except (ValueError, KeyError, InvalidOperation, ZeroDivisionError):
        other = codec.encode(_new(value), name)
        raise UsageError(f"{is_a}, and {value!r} is none; write '{name}:={other}' to give it another type") from None


_READERS: Final[dict[type, Callable[[str], Any]]] = {
    bool: lambda value: _BOOLS[value.lower()],
    int: int,
    float: float,
    str: str,
    complex: complex,
    Decimal: Decimal,
    Fraction: Fraction,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    type(Path()): Path,
}
