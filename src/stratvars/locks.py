"""Locks that a signal handler may meet: it runs in the middle of what its thread does, may save there, or raise."""

from __future__ import annotations

import sys
import threading
from _thread import RLock
from typing import Final

_IS_CUT_SHORT: Final = sys.version_info[:2] == (3, 14)
"""Whether a signal can raise after ``with lock:`` took the lock, and before it would give it back."""


class GuardedRLock(RLock):  # type: ignore[misc]  # of C, so that nothing can raise before its __exit__ has released it
    """A reentrant lock that ``with`` never leaves taken, for CPython 3.14.

    There a signal handler may run between ``__enter__`` and the block (github.com/python/cpython/issues/148874), but
    not behind the return of a function of Python.
    """

    __slots__ = ()

    def __enter__(self, blocking: bool = True, timeout: float = -1) -> bool:
        before = self._times()
        try:
            return self.acquire(blocking, timeout)
        except BaseException:
            if self._times() > before:
                self.release()
            raise

    def _times(self) -> int:
        return int(self._recursion_count())  # type: ignore[attr-defined]


def new_lock() -> threading.RLock:
    """A reentrant lock; one that is taken by ``with`` is given back even if a signal handler raises at any point."""
    return GuardedRLock() if _IS_CUT_SHORT else threading.RLock()


def is_mine(lock: threading.RLock) -> bool:
    """Whether a frame of this thread holds it, as ``threading.Condition`` asks."""
    return bool(lock._is_owned())  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to it
