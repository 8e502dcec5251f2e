"""Locks that a signal handler may meet: it runs in the middle of what its thread does, and may save there."""

from __future__ import annotations

import threading


def is_mine(lock: threading.RLock) -> bool:
    """Whether a frame of this thread holds it, as ``threading.Condition`` asks."""
    return bool(lock._is_owned())  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to it
