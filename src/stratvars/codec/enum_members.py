"""Members of registered Enum classes: the class's name and the member's.

Values are not stored, so members may be numbered anew. A combination of flags is a list of names, then a number for
bits that have none: ``{"$enum": ["Perm", ["R", "W", 8]]}``.
"""

from __future__ import annotations

from enum import Enum, Flag
from typing import Any

from stratvars.codec import names
from stratvars.codec.paths import Refusal, quoted
from stratvars.codec.reading import expect, expect_pair
from stratvars.codec.registry import Encoder, add_tag, add_type
from stratvars.codec.scalars import escape, show_int, unescape
from stratvars.codec.tree import show_name


def add_enum(cls: type[Enum], name: str) -> None:
    """Register how the members of a class are written."""
    add_type(cls, _encoder(name), immutable=True)


def _encoder(class_name: str) -> Encoder:
    def encode(value: Enum, room: int) -> Any:  # noqa: ARG001 - the signature of an encoder
        if value._name_ in type(value).__members__:
            return {"$enum": [class_name, escape(value._name_)]}
        if isinstance(value, Flag):
            return {"$enum": [class_name, _bits(value)]}
        raise Refusal(f"this {class_name} is not one of the members of its class; store one that is")

    return encode


def _bits(value: Flag) -> list[str | int]:
    named = [member for member in type(value) if member.value & value.value]
    rest = value.value & ~sum(member.value for member in named)
    parts: list[str | int] = [escape(member.name or "") for member in named]
    return [*parts, rest] if rest else parts


def _decode(payload: Any, room: int) -> Enum:  # noqa: ARG001 - the signature of a decoder
    class_name, member = expect_pair(payload)
    cls = names.find(expect(class_name, str))
    if not issubclass(cls, Enum):
        raise names.changed(class_name, "an Enum")
    if type(member) is not list:
        return _member(cls, class_name, member)
    if issubclass(cls, Flag):
        return _combined(cls, class_name, member)
    raise names.changed(class_name, "a Flag")


def _member(cls: type[Enum], class_name: str, payload: Any) -> Enum:
    name = unescape(payload)
    member = cls.__members__.get(name)
    if member is None:
        raise Refusal(
            f"{class_name} has no member {quoted(name)} any more; give it back, as an alias if it has a new name"
        )
    return member


def _combined(cls: type[Flag], class_name: str, parts: list[Any]) -> Flag:
    bits = 0
    for part in parts:
        bits |= part if type(part) is int else _member(cls, class_name, part).value
    value = cls(bits)
    # A Flag may drop bits it does not know, or turn into an int.
    if type(value) is not cls or value.value != bits:
        raise ValueError
    return value


def _show(payload: Any, room: int) -> str:  # noqa: ARG001 - the signature of a shower
    class_name, member = expect_pair(payload)
    shown = show_name(class_name)
    if type(member) is not list:
        return f"{shown}.{show_name(unescape(member))}"
    bits = [f"({show_int(part)})" if type(part) is int else f".{show_name(unescape(part))}" for part in member]
    return "|".join([f"{shown}{bit}" for bit in bits]) or f"{shown}(0)"


add_tag("$enum", _decode, _show)
