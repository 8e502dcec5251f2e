"""The one call by which a user's class becomes storable."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

from stratvars.codec import names
from stratvars.codec.dataclass_objects import add_dataclass, require_storable
from stratvars.codec.enum_members import add_enum
from stratvars.errors import UsageError

Cls = TypeVar("Cls", bound=type)


def register(cls: Cls, *, name: str | None = None, aliases: Sequence[str] = ()) -> Cls:
    """Let objects of a dataclass, or members of an Enum, be stored; return the class.

    As a decorator it stands above ``@dataclass``. Registering again changes nothing; a class that was defined anew
    takes the place of the old one. It lasts as long as the process and is thread-safe.

    Args:
        cls: a dataclass, or an Enum of any kind.
        name: what stands for the class in the stored text; its ``__name__`` if None.
        aliases: names under which older texts may hold it.

    Raises:
        UsageError: the class is neither, holds more than its fields, or the name belongs to another class.
    """
    if not isinstance(cls, type):
        raise UsageError(f"register takes a class, not a {type(cls).__name__}; write `stratvars.register(MyClass)`")
    own = cls.__name__ if name is None else name
    if isinstance(aliases, str):
        raise UsageError("aliases is a list of names; write `aliases=[...]` around the one name")
    if issubclass(cls, Enum):
        names.claim(cls, [own, *aliases])
        add_enum(cls, own)
        return cls
    # A dataclass of its own right: one that only inherits from a dataclass is about to become another one.
    if "__dataclass_fields__" not in vars(cls):
        raise UsageError(
            f"{cls.__name__} is neither a dataclass nor an Enum; put `@dataclass` above the class, and"
            " `@stratvars.register` above that"
        )
    require_storable(cls)
    names.claim(cls, [own, *aliases])
    add_dataclass(cls, own)
    return cls
