"""set and frozenset: an array of the elements, in the order of their texts so that equal sets have equal texts."""

from __future__ import annotations

from typing import Any

from stratvars.codec.hashed import require_spread
from stratvars.codec.jsontext import write
from stratvars.codec.paths import Refusal, TooDeep
from stratvars.codec.reading import read_items
from stratvars.codec.registry import ENCODERS, add_tag, add_type
from stratvars.codec.tree import show_items


def _encode_set(value: set[Any], room: int) -> Any:
    return {"$set": _elements(value, room)}


def _encode_frozenset(value: frozenset[Any], room: int) -> Any:
    return {"$frozenset": _elements(value, room)}


def _elements(value: set[Any] | frozenset[Any], room: int) -> list[Any]:
    if room == 0:
        raise TooDeep(value)
    trees = []
    # A copy, for the reason told in containers.py.
    elements = value.copy()
    require_spread(elements)
    try:
        for element in elements:
            trees.append(ENCODERS[type(element)](element, room - 1))  # noqa: PERF401 - no frame of its own per level
    except Refusal as refusal:
        refusal.leave("this set")
        refusal.climb("", value)
        raise
    return sorted(trees, key=write)


def _decode(payload: Any, room: int) -> set[Any]:
    try:
        elements = read_items(payload, room)
    except Refusal as refusal:
        refusal.leave("this set")
        raise
    require_spread(elements)
    values = set(elements)
    if len(values) < len(elements):
        raise Refusal("two elements of this set are equal; take one of the two away")
    return values


def _show_set(payload: Any, room: int) -> str:
    items = show_items(payload, room)
    return f"{{{', '.join(items)}}}" if items else "set()"


def _show_frozenset(payload: Any, room: int) -> str:
    items = show_items(payload, room)
    return f"frozenset({{{', '.join(items)}}})" if items else "frozenset()"


add_type(set, _encode_set)
add_type(frozenset, _encode_frozenset)
add_tag("$set", _decode, _show_set)
add_tag("$frozenset", lambda payload, room: frozenset(_decode(payload, room)), _show_frozenset)
