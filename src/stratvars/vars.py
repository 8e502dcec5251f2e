"""The container a strategy writes to: ``vars.x`` and ``vars["x"]`` are the same variable.

Vars holds values and does no I/O. A value that cannot be stored is refused where it is assigned. Every public
method steals a name from the user's variables, so there are only those of a mutable mapping plus ``all``,
``set`` and ``copy``; what a restore needs stands outside, in ``contents.py``.
"""

from __future__ import annotations

import functools
import operator
import reprlib
import threading
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from keyword import iskeyword
from typing import Any, Final, Self

from stratvars.errors import UsageError
from stratvars.locks import ExitOf, new_lock, take

_ALWAYS_STORABLE: Final = frozenset({type(None), bool, int, float, str})
_PLAIN_NAMES: Final = frozenset({str})
_ABSENT: Final = object()


class Vars(MutableMapping[str, Any]):
    """Durable variables: attribute and mapping access to any name, in the order of first assignment.

    Args:
        initial: variables to start with, checked as any assignment.

    Assigning raises ``UnsavableError``, with the path, for a value that cannot be stored exactly,
    ``UsageError`` for an empty name or one that is no valid Unicode, and ``TypeError`` for a name that is not
    a string.

    Every method may be called from any thread. ``with vars:`` holds the lock that writers and backups take,
    so that no backup falls between two changes; the same thread may enter it again, and so may other tasks of
    its event loop: do not await inside. Iterating goes over a snapshot.
    """

    # The two leading underscores keep `_lock` and `_values` free for the user's variables.
    __slots__ = ("__changes", "__handed_out", "__lock", "__values", "__weakref__")
    __changes: list[int]
    __handed_out: set[str]
    __lock: threading.RLock
    __values: dict[str, Any]

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_Vars__changes", [0])
        object.__setattr__(self, "_Vars__handed_out", _UNWATCHED)
        object.__setattr__(self, "_Vars__lock", new_lock())
        object.__setattr__(self, "_Vars__values", {})
        if initial is not None:
            self.update(initial)

    def all(self) -> dict[str, Any]:
        """All variables, in a new dict. Waits while another thread is inside ``with vars:``."""
        values = self.__copy()
        self.__handed_out.update(values)
        return values

    def get(self, name: str, default: Any = None) -> Any:
        """The variable, or ``default`` when there is none of that name."""
        try:
            return self[name]
        except KeyError:
            return default

    def set(self, name: str, value: Any) -> None:
        """Set one variable, as ``vars[name] = value`` does."""
        self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The variable; ``default`` is stored first when there is none of that name.

        The default is checked even when it is not needed: a mistake shows on the first start, not later.
        """
        name = _checked_name(name)
        _check_value(name, default)
        value = self.__change(dict.setdefault, name, default)
        self.__handed_out.add(name)
        return value

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Set many variables at once. When one of them is refused, none is set."""
        self.__change(dict.update, _checked(other, named))

    def pop(self, name: str, default: Any = _ABSENT) -> Any:
        """Remove a variable and return it; when it is missing, return ``default`` or raise ``KeyError``."""
        name = _exact(name)
        value = self.__change(dict.pop, name, *(() if default is _ABSENT else (default,)))
        if value is not default:
            self.__handed_out.add(name)
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the variable that was added last and return its name and value; ``KeyError`` when empty."""
        item: tuple[str, Any] = self.__change(dict.popitem)
        self.__handed_out.add(item[0])
        return item

    def clear(self) -> None:
        """Remove all variables."""
        self.__setstate__({})

    def keys(self) -> KeysView[str]:
        """The names at this moment."""
        return self.all().keys()  # which have the values in their ``mapping``

    def values(self) -> ValuesView[Any]:
        """The values at this moment."""
        return self.all().values()

    def items(self) -> ItemsView[str, Any]:
        """Names and values at this moment."""
        return self.all().items()

    def copy(self) -> Self:
        """An independent Vars that holds the same value objects."""
        fresh = type(self)()
        fresh.__setstate__(self.all())
        return fresh

    def __getitem__(self, name: str) -> Any:
        if type(name) is not str:
            name = _exact(name)
        value = self.__values[name]
        self.__handed_out.add(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        name = _checked_name(name)
        _check_value(name, value)
        self.__change(operator.setitem, name, value)

    def __delitem__(self, name: str) -> None:
        self.__change(operator.delitem, name)

    def __getattr__(self, name: str) -> Any:
        # A reserved name comes here when copy or pickle ask for a protocol, or before the slots are filled.
        # It must not reach `self.__values`: that would end up here again.
        if _is_reserved(type(self), name):
            raise AttributeError(
                f'vars has no attribute {name!r}; a variable of that name is vars["{name}"]', name=name
            )
        if type(name) is not str:
            name = _exact(name)
        try:
            value = self.__values[name]
        except KeyError:
            raise _missing(name, self.__values) from None
        self.__handed_out.add(name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_reserved(type(self), name):
            raise AttributeError(f'{name!r} belongs to Vars itself; write vars["{name}"] = ... instead', name=name)
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if _is_reserved(type(self), name):
            raise AttributeError(
                f'{name!r} belongs to Vars itself; del vars["{name}"] undoes vars["{name}"] = ...', name=name
            )
        try:
            del self[name]
        except KeyError:
            raise _missing(name, self.__values) from None

    def __contains__(self, name: object) -> bool:
        return name in self.__values

    def __len__(self) -> int:
        return len(self.__values)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__copy())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.__copy())

    def __enter__(self) -> Self:
        take(self.__lock)
        return self

    __exit__ = ExitOf("_Vars__lock")

    @reprlib.recursive_repr("Vars(...)")
    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{_as_keyword(n)}={v!r}' for n, v in self.__copy().items())})"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self if name.isidentifier())]

    def __reduce__(self) -> tuple[type[Self], tuple[()], dict[str, Any]]:
        # The values travel as state, not as an argument: a value may hold this very Vars.
        return type(self), (), self.all()

    def __getstate__(self) -> dict[str, Any]:
        return self.all()

    def __setstate__(self, values: dict[str, Any]) -> None:
        values = dict(values)
        # One store of a reference: a reader without the lock sees all of the old or all of the new.
        self.__change(lambda _: object.__setattr__(self, "_Vars__values", values))

    # Whoever hands an object out notes its name, and only then: see ``contents.watch``.

    def __copy(self) -> dict[str, Any]:
        with self.__lock:
            return dict(self.__values)

    def __change(self, how: Callable[..., Any], *arguments: Any) -> Any:
        """Change the values. There is no other way to do so, for a change that is not counted is never saved."""
        with self.__lock:
            changes = self.__changes
            # Twice: Ctrl-C may be raised between the change and the count after it, and a finalizer may take a state
            # between the count before it and the change.
            changes[0] += 1
            try:
                return how(self.__values, *arguments)
            finally:
                changes[0] += 1


class _Unwatched(set[str]):
    """In place of a set that nobody would ever empty."""

    def add(self, name: str, /) -> None:
        """Do nothing."""

    def update(self, *names: Iterable[str]) -> None:
        """Do nothing."""


_UNWATCHED: Final = _Unwatched()


def replace_all(target: Vars, values: Mapping[str, object]) -> None:
    """Make ``values`` the whole content of ``target``, in one step; the object stays the same.

    Raises what an assignment raises, and then nothing has changed. Any thread may call it.
    """
    target.__setstate__(_checked(values, {}))


def _checked(other: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(other, Vars):
        # dict(vars) would ask name by name, and another thread may remove one in between.
        other = other.all()
    fresh = dict(other, **named)
    # All at once, as most are good: a thousand of them in a third of the time.
    if not (_PLAIN_NAMES.issuperset(map(type, fresh)) and "".join(fresh).isascii() and "" not in fresh):
        fresh = {_checked_name(name): value for name, value in fresh.items()}
    if not _ALWAYS_STORABLE.issuperset(map(type, fresh.values())):
        for name, value in fresh.items():
            _check_value(name, value)
    return fresh


def _checked_name(name: object) -> str:
    """The name as an exact ``str``, so that a member of a StrEnum and its text are one variable."""
    if not isinstance(name, str):
        raise TypeError(
            f"the name of a variable must be a string, not {type(name).__name__}; write vars[str(...)] = ..."
        )
    if name == "":
        raise UsageError("the name of a variable must not be empty; give it at least one character")
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        raise UsageError(f"the name {name!r} holds half of a character, which no database stores; decode it properly")
    return str.__str__(name)


def _exact(name: str) -> str:
    """The same text as an exact ``str``, as it was set; anything else as it is."""
    return str.__str__(name) if isinstance(name, str) else name


def _check_value(name: str, value: object) -> None:
    if type(value) in _ALWAYS_STORABLE:
        return
    from stratvars.codec import check  # counters and prices need no codec, and the import must be fast

    check(value, name)


@functools.cache
def _names_of_class(cls: type) -> frozenset[str]:
    return frozenset(name for base in cls.__mro__ for name in base.__dict__)


def _is_reserved(cls: type, name: str) -> bool:
    """Whether an attribute of that name is the class's, or may one day be asked for by Python itself."""
    return (name.startswith("__") and name.endswith("__")) or name in _names_of_class(cls)


def _missing(name: str, values: Mapping[str, Any]) -> AttributeError:
    from difflib import get_close_matches  # only needed for this message

    close = get_close_matches(name, list(values), n=3)
    meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ";"
    remedy = f"vars.get({name!r}, default) reads it with a default"
    return AttributeError(f"vars has no variable {name!r}{meant} {remedy}", name=name)


def _as_keyword(name: str) -> str:
    return name if name.isidentifier() and not iskeyword(name) else repr(name)
