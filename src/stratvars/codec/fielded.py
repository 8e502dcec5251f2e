"""What dataclasses and named tuples share in the text: the name of a class, and the value of each field.

Where a class was registered with a ``from_state`` since its objects were stored, that function gets the fields.
"""

from __future__ import annotations

from typing import Any, Protocol

from stratvars.codec import names
from stratvars.codec.converted import Converter
from stratvars.codec.reading import expect, expect_pair, read_fields
from stratvars.codec.registry import add_tag
from stratvars.codec.tree import show_call


class Schema(Protocol):
    """How objects of one class are read."""

    def decode(self, stored: dict[str, Any], room: int) -> Any:
        """Return the object of which these are the fields."""


def add_fielded(tag: str, schema: type[Schema], shape: str) -> None:
    """Register a tag for objects that have fields.

    Args:
        tag: of the envelope.
        schema: the type of what ``names.keep_shape`` keeps for such a class.
        shape: what such a class is, for a message.
    """

    def decode(payload: Any, room: int) -> Any:
        name, stored = expect_pair(payload)
        kept = names.shape_of(expect(name, str))
        if isinstance(kept, Converter):
            return kept.make(read_fields(expect(stored, dict), room))
        if not isinstance(kept, schema):
            raise names.changed(name, shape)
        return kept.decode(expect(stored, dict), room)

    add_tag(tag, decode, _show)


def _show(payload: Any, room: int) -> str:
    name, stored = expect_pair(payload)
    return show_call(name, expect(stored, dict), room)
