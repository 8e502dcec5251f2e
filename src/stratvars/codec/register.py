"""The one call by which a user's class becomes storable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

from stratvars.codec import names
from stratvars.codec.converted import add_converted
from stratvars.codec.dataclass_objects import add_dataclass, require_storable
from stratvars.codec.enum_members import add_enum
from stratvars.codec.named_tuples import add_named_tuple
from stratvars.codec.refused import is_named_tuple, refuse
from stratvars.codec.registry import ENCODERS
from stratvars.errors import UsageError

Cls = TypeVar("Cls", bound=type)


def register(
    cls: Cls,
    *,
    to_state: Callable[[Any], Any] | None = None,
    from_state: Callable[[Any], Any] | None = None,
    name: str | None = None,
    aliases: Sequence[str] = (),
) -> Cls:
    """Let objects of a class be stored; return the class.

    A dataclass, a named tuple or an Enum needs no more, and as a decorator it stands above ``@dataclass``. Any other
    class needs two functions: ``to_state`` is called with an object at every backup and at its assignment, and must not
    change it; ``from_state`` is called with an equal state when the object is restored. Objects of derived classes are
    not included. Registering again changes nothing, or takes the new functions; a class that was defined anew takes the
    place of the old one. It lasts as long as the process and is thread-safe.

    Args:
        cls: the class. Those that can be stored as they are, as int, cannot be registered.
        to_state: makes of an object something that can be stored.
        from_state: makes an object of exactly this class of what ``to_state`` returned. It also gets the fields, as a
            dict, of what was saved while the class was a dataclass or a named tuple.
        name: what stands for the class in the stored text; its ``__name__`` if None.
        aliases: names under which older texts may hold it.

    Raises:
        UsageError: the class needs the two functions or one is missing, it holds more than its fields, or the name
            belongs to another class.
    """
    if not isinstance(cls, type):
        raise UsageError(f"register takes a class, not a {type(cls).__name__}; write `stratvars.register(MyClass)`")
    if isinstance(aliases, str):
        raise UsageError("aliases is a list of names; write `aliases=[...]` around the one name")
    if ENCODERS[cls] is not refuse and not names.knows(cls):
        raise UsageError(f"{cls.__name__} can be stored without being registered; register classes of your own")
    own = cls.__name__ if name is None else name
    add = _adder(cls, to_state, from_state)
    names.claim(cls, [own, *aliases])
    add(own)
    return cls


def _adder(
    cls: type, to_state: Callable[[Any], Any] | None, from_state: Callable[[Any], Any] | None
) -> Callable[[str], None]:
    """Return what registers the class under a name, or raise UsageError."""
    if to_state is not None or from_state is not None:
        if not callable(to_state) or not callable(from_state):
            raise UsageError(
                "register takes to_state and from_state together, both functions; write"
                f" `stratvars.register({cls.__name__}, to_state=..., from_state=...)`"
            )
        return lambda name: add_converted(cls, name, to_state, from_state)
    if issubclass(cls, Enum):
        return lambda name: add_enum(cls, name)
    # A dataclass of its own right: one that only inherits from a dataclass is about to become another one.
    if "__dataclass_fields__" in vars(cls):
        require_storable(cls)
        return lambda name: add_dataclass(cls, name)
    if is_named_tuple(cls):
        return lambda name: add_named_tuple(cls, name)
    raise UsageError(
        f"{cls.__name__} is neither a dataclass nor a named tuple nor an Enum; put `@dataclass` above the class, and"
        " `@stratvars.register` above that, or write"
        f" `stratvars.register({cls.__name__}, to_state=..., from_state=...)`"
    )
