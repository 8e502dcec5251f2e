"""Objects of registered named tuples: the class's name and every field, as of a dataclass.

An object is read as a tuple of that class, so no ``__new__`` of the user runs. A field that the text does not have
takes the default of the class; a field the class does not have is an error: dropping it would lose what it held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stratvars.codec import names
from stratvars.codec.fielded import add_fielded
from stratvars.codec.paths import Refusal, TooDeep, quoted
from stratvars.codec.reading import read
from stratvars.codec.registry import ENCODERS, add_type


def add_named_tuple(cls: type, name: str) -> None:
    """Register how objects of a named tuple are written and read."""
    schema = _Schema(cls, name, cls._fields, cls._field_defaults)  # type: ignore[attr-defined]
    names.keep_shape(cls, schema)
    add_type(cls, schema.encode)


@dataclass(frozen=True, slots=True)
class _Schema:
    cls: type[Any]
    name: str
    fields: tuple[str, ...]
    defaults: dict[str, Any]

    def encode(self, value: Any, room: int) -> Any:
        if room == 0:
            raise TooDeep(value)
        # Not tuple(value): the class may have an __iter__ of its own.
        items = tuple(tuple.__iter__(value))
        self._require_nothing_else(value, items)
        trees: dict[str, Any] = {}
        try:
            for field, item in zip(self.fields, items, strict=True):
                trees[field] = ENCODERS[type(item)](item, room - 1)
        except Refusal as refusal:
            refusal.climb(f".{self.fields[len(trees)]}", value)
            raise
        return {"$namedtuple": [self.name, trees]}

    def _require_nothing_else(self, value: Any, items: tuple[Any, ...]) -> None:
        if len(items) != len(self.fields):
            raise Refusal(f"this {self.name} has {len(items)} items for {len(self.fields)} fields; make it anew")
        # A class that is derived from a named tuple has a place for attributes.
        if self.cls.__dictoffset__ != 0 and value.__dict__:
            raise Refusal(
                f"this {self.name} was given attributes that are not fields and would be lost; add `__slots__ = ()` to"
                " the class, and a field for each"
            )

    def decode(self, stored: dict[str, Any], room: int) -> Any:
        if room == 0:
            raise TooDeep(stored)
        for field in stored:
            if field not in self.fields:
                raise Refusal(
                    f"{self.name} has no field {quoted(field)} any more; declare it again, or register the class with"
                    " a from_state that knows it"
                )
        items = []
        field = ""
        try:
            for field in self.fields:
                items.append(read(stored[field], room - 1) if field in stored else self._default(field))
        except Refusal as refusal:
            refusal.climb(f".{field}", stored)
            raise
        return tuple.__new__(self.cls, items)

    def _default(self, field: str) -> Any:
        if field not in self.defaults:
            raise Refusal(f"the field is missing, and {self.name} gives it no default; give it one in the class")
        return self.defaults[field]


add_fielded("$namedtuple", _Schema, "a named tuple")
