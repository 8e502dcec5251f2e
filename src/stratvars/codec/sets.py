"""set: an array of its elements, in the order of their texts so that equal sets have equal texts."""

from __future__ import annotations

from typing import Any

from stratvars.codec.jsontext import write
from stratvars.codec.paths import Refusal, TooDeep
from stratvars.codec.reading import read_items
from stratvars.codec.registry import ENCODERS, add_tag, add_type
from stratvars.codec.tree import show_items


def _encode(value: set[Any], room: int) -> Any:
    if room == 0:
        raise TooDeep(value)
    trees = []
    try:
        # A copy, for the reason told in containers.py.
        for element in value.copy():
            trees.append(ENCODERS[type(element)](element, room - 1))  # noqa: PERF401 - no frame of its own per level
    except Refusal as refusal:
        refusal.leave("this set")
        refusal.climb("", value)
        raise
    return {"$set": sorted(trees, key=write)}


def _decode(payload: Any, room: int) -> set[Any]:
    try:
        elements = read_items(payload, room)
    except Refusal as refusal:
        refusal.leave("this set")
        raise
    values = set(elements)
    if len(values) < len(elements):
        raise Refusal("two elements of this set are equal; take one of the two away")
    return values


def _show(payload: Any, room: int) -> str:
    items = show_items(payload, room)
    return f"{{{', '.join(items)}}}" if items else "set()"


add_type(set, _encode)
add_tag("$set", _decode, _show)
