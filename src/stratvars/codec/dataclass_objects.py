"""Objects of registered dataclasses: the class's name and the value of every field.

An object is read by setting its fields, so neither ``__init__`` nor ``__post_init__`` runs: they may fetch a price or
send an order. A field that the text does not have takes the default of the class; a field the class does not have is
an error, because dropping it would lose what it held. Where the class was registered with a ``from_state`` since, that
function gets the fields as a dict.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from functools import cached_property
from types import MemberDescriptorType
from typing import Any, Generic

from stratvars.codec import names
from stratvars.codec.fielded import add_fielded
from stratvars.codec.paths import Refusal, TooDeep, quoted
from stratvars.codec.reading import read
from stratvars.codec.registry import ENCODERS, add_type
from stratvars.errors import UsageError

_OWN_SLOTS = frozenset({"__dict__", "__weakref__"})


def add_dataclass(cls: type, name: str) -> None:
    """Register how objects of a dataclass are written and read."""
    schema = _Schema(cls, name, {field.name: field for field in dataclasses.fields(cls)}, cls.__dictoffset__ != 0)
    names.keep_shape(cls, schema)
    add_type(cls, schema.encode)


@dataclass(frozen=True, slots=True)
class _Schema:
    cls: type[object]
    name: str
    fields: dict[str, dataclasses.Field[Any]]
    has_dict: bool

    def encode(self, value: Any, room: int) -> Any:
        if room == 0:
            raise TooDeep(value)
        own = self._snapshot(value)
        trees = {}
        field = ""
        try:
            for field in self.fields:
                item = own[field]
                trees[field] = ENCODERS[type(item)](item, room - 1)
        except Refusal as refusal:
            refusal.climb(f".{field}", value)
            raise
        return {"$dataclass": [self.name, trees]}

    def _snapshot(self, value: Any) -> dict[str, Any]:
        # One copy: another thread may set a field between two reads.
        own: dict[str, Any] = vars(value).copy() if self.has_dict else {}
        if own.keys() != self.fields.keys():
            for extra in own.keys() - self.fields.keys():
                self._require_derived(extra)
            for missing in self.fields.keys() - own.keys():
                own[missing] = self._get(value, missing)
        return own

    def _get(self, value: Any, field: str) -> Any:
        try:
            return object.__getattribute__(value, field)
        except AttributeError:
            raise Refusal(f"the field {field} of this {self.name} has no value; set one") from None

    def _require_derived(self, attribute: str) -> None:
        """A cached property is computed again after a restore; any other attribute would be lost."""
        if not isinstance(inspect.getattr_static(self.cls, attribute, None), cached_property):
            raise Refusal(
                f"this {self.name} has an attribute {attribute!r} that is not a field and would be lost;"
                " declare it as a field of the class"
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
        value = self.cls.__new__(self.cls)
        for name, declared in self.fields.items():
            try:
                item = read(stored[name], room - 1) if name in stored else self._default(declared)
            except Refusal as refusal:
                refusal.climb(f".{name}", stored)
                raise
            # Not setattr: the class may be frozen or have a __setattr__ of its own.
            object.__setattr__(value, name, item)
        return value

    def _default(self, field: dataclasses.Field[Any]) -> Any:
        if field.default is not dataclasses.MISSING:
            return field.default
        if field.default_factory is dataclasses.MISSING:
            raise Refusal(f"the field is missing, and {self.name} gives it no default; give it one in the class")
        try:
            return field.default_factory()
        except Exception as error:  # noqa: BLE001 - the factory is the user's and may fail in any way
            raise Refusal(f"the field is missing, and its default_factory raised {type(error).__name__}") from None


def require_storable(cls: type) -> None:
    """Raise UsageError if objects of this dataclass hold more than their fields, or run code to be read back."""
    obstacle = _foreign_new(cls) or _field_with_code(cls) or _other_slots(cls)
    if obstacle is not None:
        raise UsageError(f"{cls.__name__} cannot be registered: {obstacle}")


def _foreign_new(cls: type) -> str | None:
    maker = next(base for base in cls.__mro__ if "__new__" in vars(base))
    if maker in {object, Generic}:
        return None
    return (
        f"its objects are made by {maker.__name__}.__new__ and may hold more than their fields; write it without that"
        " base and without a __new__, or give register its to_state and from_state"
    )


def _field_with_code(cls: type) -> str | None:
    for field in dataclasses.fields(cls):
        found = inspect.getattr_static(cls, field.name, None)
        if inspect.isdatadescriptor(found) and not isinstance(found, MemberDescriptorType):
            return f"its field {field.name} is a {type(found).__name__}, which runs code; make it a plain field"
    return None


def _other_slots(cls: type) -> str | None:
    known = {field.name for field in dataclasses.fields(cls)} | _OWN_SLOTS
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        if not known.issuperset((slots,) if isinstance(slots, str) else slots):
            return f"{base.__name__} has slots that are not fields and would be lost; declare them as fields"
    return None


add_fielded("$dataclass", _Schema, "a dataclass")
