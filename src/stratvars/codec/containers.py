"""list, tuple and dict.

A list is a JSON array, and so is what a tuple's envelope holds. A dict is a JSON object if its keys allow it: all of
them str, none beginning with ``$``, else pairs: ``{"$dict": [[1, "a"], ["1", "b"]]}``.

Each container is copied in one step before it is walked. A fill callback in another thread may change it meanwhile,
and a walk over the original would raise or see half of the change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from stratvars.codec.hashed import require_spread
from stratvars.codec.paths import Refusal, TooDeep, key_step
from stratvars.codec.reading import envelope_tag, expect, expect_pair, read, read_fields, read_items
from stratvars.codec.registry import ENCODERS, add_tag, add_type
from stratvars.codec.scalars import LARGEST_PLAIN, is_utf8
from stratvars.codec.tree import show_items, show_pairs, show_tree

_ONLY_STR = frozenset({str})
_NOTHING_TO_ESCAPE = frozenset({bool, type(None)})


def encode_items(owner: Any, items: tuple[Any, ...], room: int) -> Sequence[Any]:
    """Write the items of a container, already copied; ``owner`` is the container for the path."""
    if _are_plain(items):
        return items
    trees: list[Any] = []
    try:
        for item in items:
            trees.append(ENCODERS[type(item)](item, room))  # noqa: PERF401 - its length is the index of the item that fails
    except Refusal as refusal:
        refusal.climb(f"[{len(trees)}]", owner)
        raise
    return trees


def _are_plain(items: tuple[Any, ...]) -> bool:
    """Tell, for long lists of one type and in C alone, whether they are plain JSON as they are."""
    kinds = set(map(type, items))
    if len(kinds) != 1:
        return kinds <= _NOTHING_TO_ESCAPE
    kind = kinds.pop()
    if kind is float:
        return math.isfinite(sum(items))
    if kind is int:
        return bool(min(items) >= -LARGEST_PLAIN and max(items) <= LARGEST_PLAIN)
    if kind is str:
        return "".join(items).isascii()
    return kind in _NOTHING_TO_ESCAPE


def _encode_list(value: list[Any], room: int) -> Any:
    if room == 0:
        raise TooDeep(value)
    return encode_items(value, tuple(value), room - 1)


def _encode_tuple(value: tuple[Any, ...], room: int) -> Any:
    if room == 0:
        raise TooDeep(value)
    return {"$tuple": encode_items(value, value, room - 1)}


def encode_dict(value: dict[Any, Any], room: int) -> Any:
    """Write a dict as an object, or as pairs."""
    if room == 0:
        raise TooDeep(value)
    # dict.copy, not tuple(items()): that makes an object per item, so the garbage collector may run in the midst of
    # it and, through a finalizer, let another thread change the dict.
    own = value.copy()
    if not _are_json_keys(own):
        return {"$dict": _encode_pairs(value, own, room - 1)}
    trees = {}
    key = ""
    try:
        for key, item in own.items():
            trees[key] = ENCODERS[type(item)](item, room - 1)
    except Refusal as refusal:
        refusal.climb(key_step(key), value)
        raise
    return trees


def _are_json_keys(keys: dict[Any, Any]) -> bool:
    if not set(map(type, keys)) <= _ONLY_STR:
        return False
    joined = "".join(keys)
    if "$" not in joined and joined.isascii():
        return True
    return all(key[:1] != "$" and is_utf8(key) for key in keys)


def _encode_pairs(owner: dict[Any, Any], own: dict[Any, Any], room: int) -> list[Any]:
    pairs = []
    require_spread(own)
    for key, item in own.items():
        try:
            left = ENCODERS[type(key)](key, room)
        except Refusal as refusal:
            refusal.leave("a key")
            refusal.climb("", owner)
            raise
        try:
            pairs.append((left, ENCODERS[type(item)](item, room)))
        except Refusal as refusal:
            refusal.climb(key_step(key), owner)
            raise
    return pairs


def _decode_tuple(payload: Any, room: int) -> tuple[Any, ...]:
    return tuple(read_items(payload, room))


def read_dict(tree: Any, room: int) -> dict[Any, Any]:
    """Return what ``encode_dict`` wrote, and nothing else."""
    return read_fields(tree, room) if _is_object(tree) else _decode_dict(tree["$dict"], room)


def _is_object(tree: Any) -> bool:
    tag = envelope_tag(expect(tree, dict))
    if tag not in {None, "$dict"}:
        raise Refusal("a dict should stand here")
    return tag is None


def _decode_dict(payload: Any, room: int) -> dict[Any, Any]:
    pairs = expect(payload, list)
    if room == 0:
        raise TooDeep(payload)
    keys: list[Any] = []
    items: list[Any] = []
    for pair in pairs:
        left, right = expect_pair(pair)
        try:
            keys.append(read(left, room - 1))
        except Refusal as refusal:
            refusal.leave("a key")
            refusal.climb("", payload)
            raise
        try:
            items.append(read(right, room - 1))
        except Refusal as refusal:
            refusal.climb(key_step(keys[-1]), payload)
            raise
    require_spread(keys)
    values = dict(zip(keys, items, strict=True))
    if len(values) < len(pairs):
        raise Refusal("two keys of this dict are equal; take one of the two away")
    return values


def _show_tuple(payload: Any, room: int) -> str:
    items = show_items(payload, room)
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def show_dict(tree: Any, room: int) -> str:
    """Return what ``encode_dict`` wrote in the notation of Python."""
    _is_object(tree)
    return show_tree(tree, room)


def _show_dict(payload: Any, room: int) -> str:
    if room == 0:
        raise TooDeep(payload)
    return show_pairs([expect_pair(pair) for pair in expect(payload, list)], room)


add_type(list, _encode_list)
add_type(tuple, _encode_tuple)
add_type(dict, encode_dict)
add_tag("$tuple", _decode_tuple, _show_tuple)
add_tag("$dict", _decode_dict, _show_dict)
