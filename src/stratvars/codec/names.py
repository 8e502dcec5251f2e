"""Which class a name in the stored text stands for.

The text holds a name, never a module path, and the name is looked up among the classes that were registered: so
nothing is imported because the data says so, and a class may move to another module.
"""

from __future__ import annotations

from collections.abc import Sequence

from stratvars.codec.paths import Refusal, quoted
from stratvars.errors import UsageError
from stratvars.locks import new_lock

_classes: dict[str, type] = {}
_shapes: dict[type, object] = {}
# Two threads that register would each find a name free and both take it.
_lock = new_lock()


def claim(cls: type, names: Sequence[str]) -> None:
    """Let every name stand for the class, or raise UsageError and change nothing.

    A class that was defined anew, in a notebook or by a reload, takes the place of the old one.
    """
    with _lock:
        for name in names:
            _require_free(cls, name)
        for name, owner in tuple(_classes.items()):
            if _origin(owner) == _origin(cls):
                _classes[name] = cls
        for name in names:
            _classes[name] = cls


def find(name: str) -> type:
    """Return the class of a name, or raise Refusal."""
    cls = _classes.get(name)
    if cls is None:
        raise Refusal(
            f"the class {quoted(name)} is not registered; import the module that defines it and calls"
            " `stratvars.register` on it before the state is restored"
        )
    return cls


def keep_shape(cls: type, shape: object) -> None:
    """Keep how objects of a class are read; the last registration of the class counts."""
    _shapes[cls] = shape


def shape_of(name: str) -> object:
    """Return how objects of the class of a name are read, or raise Refusal."""
    return _shapes.get(find(name))


def changed(name: str, shape: str) -> Refusal:
    """Return the Refusal for a class that is of another shape than when it was saved."""
    return Refusal(f"{name} was {shape} when this was saved and is not any more; register under this name one that is")


def knows(cls: type) -> bool:
    """Tell whether the class, or an older definition of it, was registered."""
    return any(_origin(owner) == _origin(cls) for owner in tuple(_classes.values()))


def _require_free(cls: type, name: str) -> None:
    if not name.isprintable() or not name:
        raise UsageError(f"the name of {cls.__qualname__} must be printable text and not empty")
    owner = _classes.get(name)
    if owner is not None and _origin(owner) != _origin(cls):
        raise UsageError(
            f"the name {name!r} already stands for {'.'.join(_origin(owner))}; give {'.'.join(_origin(cls))} another"
            f' one: `stratvars.register({cls.__name__}, name="...")`'
        )


def _origin(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
