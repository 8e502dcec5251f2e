"""From a text to its value.

The text may have been cut, edited by hand or made by an enemy. Whatever it holds, it is either exactly a value or
an UndecodableError; nothing in it is executed, and no module is imported because it is named there.
"""

from __future__ import annotations

from typing import Any, TypeVar

from stratvars.codec import jsontext
from stratvars.codec.paths import LIMIT, Refusal, TooDeep, key_step, quoted, with_article
from stratvars.codec.registry import TAGS
from stratvars.errors import UndecodableError

TOO_LARGE = f"it is nested too deeply, or too large, to be read; {LIMIT} levels are allowed"

Kind = TypeVar("Kind")

_PLAIN = frozenset({type(None), bool, int, float, str})


def decode(text: str | bytes, name: str = "") -> object:
    """Return the value of a text that ``encode`` made. Thread-safe.

    Raises:
        UndecodableError: the text is not one of ours, or needs a class that is not registered or a package that is
            not installed; its path begins with ``name``.
    """
    try:
        return read(jsontext.read(text), LIMIT)
    except Refusal as refusal:
        report = refusal.report(name)
    except (RecursionError, MemoryError):
        report = name, TOO_LARGE
    # Raised out here: on what was caught hangs the error of a page, whose text may quote the value.
    raise UndecodableError(*report) from None


def decode_all(text: str) -> tuple[dict[str, str], dict[str, Any]] | None:
    """Return the text and the value of each member of a JSON object, read in one go. Thread-safe.

    None where that is not as this library writes it, or a member cannot be read: ``decode`` of each member then gives
    all that can be had, and says what is wrong with the others.
    """
    try:
        tree = jsontext.read_written(text)
        texts = {name: jsontext.write(item).decode() for name, item in tree.items()}
        if _PLAIN.issuperset(map(type, tree.values())):
            return texts, tree
        return texts, {name: item if type(item) in _PLAIN else read(item, LIMIT) for name, item in tree.items()}
    except (Refusal, RecursionError, MemoryError):
        return None


def read(tree: Any, room: int) -> Any:
    """Return the value of a tree that may hold ``room`` levels of containers."""
    kind = type(tree)
    if kind is list:
        return read_items(tree, room)
    if kind is not dict:
        return tree
    tag = envelope_tag(tree)
    if tag is None:
        return read_fields(tree, room)
    try:
        return TAGS[tag].decode(tree[tag], room)
    except (Refusal, RecursionError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - pages may fail in any way on a bad text, and so may a user's __hash__
        # No cause: the text of the error that was caught may quote the value.
        raise Refusal(f"what stands in {tag} is not what this library writes there") from None


def envelope_tag(tree: dict[str, Any]) -> str | None:
    """Return the tag when the object is an envelope, None when it is a plain dict."""
    if len(tree) == 1:
        (key,) = tree
        if key in TAGS:
            return key
    tags = [key for key in tree if key[:1] == "$"]
    if not tags:
        return None
    if len(tree) > 1:
        raise Refusal("an object with a key that begins with $ must have no other key")
    if tags[0] not in TAGS:
        raise Refusal(f"{quoted(tags[0])} is no tag that this version of the library knows")
    return tags[0]


def read_items(trees: Any, room: int) -> list[Any]:
    """Return the values of a JSON array."""
    items = expect(trees, list)
    if room == 0:
        raise TooDeep(trees)
    values: list[Any] = []
    try:
        for item in items:
            # The length of `values` is the index of the item that fails.
            is_plain = type(item) in _PLAIN
            values.append(item if is_plain else read(item, room - 1))
    except Refusal as refusal:
        refusal.climb(f"[{len(values)}]", trees)
        raise
    return values


def read_fields(tree: dict[str, Any], room: int) -> dict[str, Any]:
    """Return the values of a JSON object without tags."""
    if room == 0:
        raise TooDeep(tree)
    values = {}
    key = ""
    try:
        for key, item in tree.items():
            values[key] = item if type(item) in _PLAIN else read(item, room - 1)
    except Refusal as refusal:
        refusal.climb(key_step(key), tree)
        raise
    return values


def expect(payload: Any, kind: type[Kind]) -> Kind:
    """Return the payload if it is of exactly this type."""
    if type(payload) is not kind:
        raise Refusal(f"a JSON {_JSON_NAMES[kind]} should stand here, not {with_article(_JSON_NAMES[type(payload)])}")
    return payload


def expect_pair(payload: Any) -> tuple[Any, Any]:
    """Return the two items of an array of two."""
    first, *rest = expect(payload, list) or [None]
    if len(rest) != 1:
        raise Refusal("a JSON array of two should stand here")
    return first, rest[0]


_JSON_NAMES: dict[type, str] = {
    list: "array",
    dict: "object",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
