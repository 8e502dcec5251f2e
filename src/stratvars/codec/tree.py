"""Stored text made readable, without the classes of its user.

A command on another machine can show a state whose classes it has never seen: ``Leg(strike=100.0)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stratvars.codec import jsontext
from stratvars.codec.paths import LIMIT, Refusal, TooDeep
from stratvars.codec.reading import TOO_LARGE, envelope_tag, expect
from stratvars.codec.registry import TAGS
from stratvars.codec.scalars import show_int
from stratvars.errors import UndecodableError


def show(text: str | bytes) -> str:
    """Return stored text in the notation of Python, on one line. Neither classes nor numpy are needed. Thread-safe.

    Raises:
        UndecodableError: the text is not one that this library writes.
    """
    try:
        return show_tree(jsontext.read(text), LIMIT)
    except Refusal as refusal:
        raise UndecodableError(*refusal.report("")) from None
    except (RecursionError, MemoryError):
        raise UndecodableError("", TOO_LARGE) from None


def show_tree(tree: Any, room: int) -> str:
    """Return one tree, which may hold ``room`` levels of containers, in the notation of Python."""
    kind = type(tree)
    if kind is list:
        return f"[{', '.join(show_items(tree, room))}]"
    if kind is not dict:
        return show_int(tree) if kind is int else repr(tree)
    tag = envelope_tag(tree)
    if tag is None:
        if room == 0:
            raise TooDeep(tree)
        return show_pairs(tree.items(), room)
    try:
        return TAGS[tag].show(tree[tag], room)
    except (Refusal, RecursionError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - pages may fail in any way on a bad text
        raise Refusal(f"what stands in {tag} is not what this library writes there") from None


def show_name(payload: Any) -> str:
    """Return the name of a class, a member or a field; quoted if it could do harm to a terminal."""
    name = expect(payload, str)
    return name if name.isprintable() else repr(name)


def show_call(class_name: Any, stored: dict[str, Any], room: int) -> str:
    """Return an object as the call that would make it: ``Leg(strike=100.0)``."""
    if room == 0:
        raise TooDeep(stored)
    shown = []
    for field, item in stored.items():
        shown.append(f"{show_name(field)}={show_tree(item, room - 1)}")
    return f"{show_name(class_name)}({', '.join(shown)})"


def show_items(payload: Any, room: int) -> list[str]:
    """Return each item of a JSON array in the notation of Python."""
    items = expect(payload, list)
    if room == 0:
        raise TooDeep(payload)
    shown = []
    for item in items:
        shown.append(show_tree(item, room - 1))  # noqa: PERF401 - no frame of its own per level
    return shown


def show_pairs(pairs: Iterable[tuple[Any, Any]], room: int) -> str:
    """Return pairs of trees as a dict; a key of type str may stand as it is."""
    shown = []
    for key, item in pairs:
        shown.append(f"{show_tree(key, room - 1)}: {show_tree(item, room - 1)}")
    return f"{{{', '.join(shown)}}}"
