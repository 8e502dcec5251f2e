"""Locks that a signal handler may meet: it runs in the middle of what its thread does, may save there, or raise."""

from __future__ import annotations

import operator
import sys
import threading
from _thread import RLock
from collections.abc import Callable
from typing import Final

_IS_CUT_SHORT: Final = sys.version_info[:2] == (3, 14)
"""Whether a signal can raise after ``with lock:`` took the lock, and before it would give it back."""


def take(lock: threading.RLock, blocking: bool = True, timeout: float = -1) -> bool:
    """``lock.acquire``, but a signal handler that raises at any point of it leaves the lock as it was."""
    taken: list[bool] = []
    try:
        # One call of C takes it and notes that: a handler runs before it, after it, or in vain waiting inside.
        taken.extend(map(lock.acquire, (blocking,), (timeout,)))
    except BaseException:
        if any(taken):
            lock.release()
        raise
    return taken[0]


class GuardedRLock(RLock):  # type: ignore[misc]  # of C, so that nothing can raise before its __exit__ has released it
    """A reentrant lock that ``with`` never leaves taken, for CPython 3.14.

    There a signal handler may run between ``__enter__`` and the block (github.com/python/cpython/issues/148874), but
    not behind the return of a function of Python.
    """

    __slots__ = ()

    def __enter__(self, blocking: bool = True, timeout: float = -1) -> bool:
        return take(self, blocking, timeout)


class ExitOf:
    """``__exit__`` of what holds a lock as an attribute: the lock's own, which is of C.

    A signal handler may raise where a function of Python begins, before that has released anything. ``with`` asks for
    this one before it enters.
    """

    def __init__(self, attribute: str) -> None:
        self._lock_of: Callable[[object], threading.RLock] = operator.attrgetter(attribute)

    def __get__(self, owner: object | None, kind: type) -> Callable[..., None]:
        if owner is None:  # of the class, as contextlib.ExitStack asks
            return lambda owner, *error: self._lock_of(owner).__exit__(*error)
        return self._lock_of(owner).__exit__


def new_lock() -> threading.RLock:
    """A reentrant lock; one that is taken by ``with`` is given back even if a signal handler raises at any point."""
    return GuardedRLock() if _IS_CUT_SHORT else threading.RLock()


def is_mine(lock: threading.RLock) -> bool:
    """Whether a frame of this thread holds it, as ``threading.Condition`` asks."""
    return bool(lock._is_owned())  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to it
