"""What the pages of pandas share: one tag, ``{"$pandas": ["Timestamp", …]}``, and a table of kinds behind it.

pandas is looked for among the modules the user has imported, and imported only to read one of its values. A kind
that holds others counts as a level of containers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from stratvars.codec.paths import Refusal, TooDeep
from stratvars.codec.reading import expect, expect_pair, read
from stratvars.codec.registry import ENCODERS, IMMUTABLE, Decoder, Encoder, Shower, add_family, add_tag
from stratvars.codec.tree import show_tree

Lookup: TypeAlias = Callable[[Any], type]

_PUBLIC = frozenset({"sortorder"})
"""What pandas itself keeps among an object's attributes under a name without an underscore."""

_UNNAMED = ("values", "range")
"""What is shown without the name of its field."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the content of a kind is read and shown; ``levels`` of containers it is one or none."""

    decode: Decoder
    show: Shower
    levels: int


@dataclass(frozen=True, slots=True)
class _Class:
    lookup: Lookup
    encode: Encoder
    immutable: bool


KINDS: dict[str, _Kind] = {}
_CLASSES: list[_Class] = []


def add_scalar(name: str, encode: Encoder, decode: Decoder, show: Shower, lookup: Lookup) -> None:
    """Register a kind that never changes in place; ``lookup`` finds its class in pandas."""
    KINDS[name] = _Kind(decode, show, 0)
    _CLASSES.append(_Class(lookup, lambda value, room: {"$pandas": [name, encode(value, room)]}, immutable=True))


def add_container(
    name: str,
    encode: Encoder,
    decode: Decoder,
    *lookups: Lookup,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    show: Shower | None = None,
) -> None:
    """Register a kind whose content is an object with these fields; its page is told the room inside."""
    fields = _Fields(frozenset(needed), frozenset(needed) | frozenset(optional))
    show_fields = _fields_shower(name) if show is None else show
    KINDS[name] = _Kind(
        lambda content, room: decode(fields.of(content), room),
        lambda content, room: show_fields(fields.of(content), room),
        1,
    )

    def encode_inside(value: Any, room: int) -> Any:
        if room == 0:
            raise TooDeep(value)
        _require_no_attributes(value)
        try:
            return {"$pandas": [name, encode(value, room - 1)]}
        except (Refusal, RecursionError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - whatever pandas raises, other variables are to be saved
            raise Refusal(f"pandas itself could not read this {name}; store what it holds as lists and dicts") from None

    _CLASSES.extend(_Class(lookup, encode_inside, immutable=False) for lookup in lookups)


@dataclass(frozen=True, slots=True)
class _Fields:
    needed: frozenset[str]
    allowed: frozenset[str]

    def of(self, content: Any) -> dict[str, Any]:
        fields: dict[str, Any] = expect(content, dict)
        if not self.needed <= fields.keys() <= self.allowed:
            raise ValueError
        return fields


def _fields_shower(name: str) -> Shower:
    def show(content: dict[str, Any], room: int) -> str:
        shown = []
        for field, tree in content.items():
            shown.append(f"{'' if field in _UNNAMED else f'{field}='}{show_tree(tree, room)}")
        return f"{name}({', '.join(shown)})"

    return show


def _require_no_attributes(value: Any) -> None:
    for attribute in getattr(value, "__dict__", ()):
        if attribute[:1] != "_" and attribute not in _PUBLIC:
            raise Refusal(
                f"this {type(value).__name__} has an attribute {attribute!r} that would be lost; store it beside it, or"
                " in its `attrs`"
            )


def encode_part(owner: Any, step: str, part: Any, room: int) -> Any:
    """Write a part of a value; ``step`` leads to it."""
    try:
        return ENCODERS[type(part)](part, room)
    except Refusal as refusal:
        refusal.climb(step, owner)
        raise


def read_part(content: dict[str, Any], field: str, step: str, room: int) -> Any:
    """Return the part that stands in a field; ``step`` leads to it."""
    try:
        return read(content[field], room)
    except Refusal as refusal:
        refusal.climb(step, content)
        raise


def import_pandas() -> Any:
    """Return pandas, or raise Refusal where it is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise Refusal("this value is one of pandas', and pandas is not installed; install it") from None
    return pd


def _kind_of(payload: Any, room: int) -> tuple[_Kind, Any]:
    name, content = expect_pair(payload)
    kind = KINDS.get(expect(name, str))
    if kind is None:
        raise Refusal("this type of pandas is none that this version of the library knows")
    if room < kind.levels:
        raise TooDeep(payload)
    return kind, content


def _decode(payload: Any, room: int) -> Any:
    kind, content = _kind_of(payload, room)
    import_pandas()
    return kind.decode(content, room - kind.levels)


def _show(payload: Any, room: int) -> str:
    kind, content = _kind_of(payload, room)
    return kind.show(content, room - kind.levels)


def _find(kind: type) -> Encoder | None:
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    for one in _CLASSES:
        if kind is one.lookup(pandas):
            if one.immutable:
                IMMUTABLE.add(kind)
            return one.encode
    return None


add_family("pandas", _find)
add_tag("$pandas", _decode, _show)
