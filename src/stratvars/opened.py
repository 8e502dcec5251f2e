"""The backups that are open in this process: one for a name, saved when the interpreter ends, not a forked child's."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from stratvars.errors import OwnedError, StratvarsError
from stratvars.locks import new_lock
from stratvars.revision import Reason
from stratvars.session import LAST_DEADLINE

if TYPE_CHECKING:
    from stratvars.backup import Backup

_log = logging.getLogger("stratvars")

_open: dict[Hashable, tuple[Backup, str]] = {}
_guard = new_lock()
_OVERTIME = 1.0
"""Seconds beyond the deadline that many backups share at the end of the interpreter, so that each has one try."""
_OURS = str(Path(__file__).parent) + os.sep


def register(backup: Backup, key: Hashable, place: str) -> None:
    """Remember that ``backup`` is open.

    Args:
        backup: will be closed at the end of the interpreter, unless it is closed before.
        key: of what it keeps; None for what nobody else can keep.
        place: where it is opened; see ``place_of_caller``.

    Raises:
        OwnedError: another one is open that keeps the same.
    """
    with _guard:
        key = id(backup) if key is None else key
        _, other_place = _open.setdefault(key, (backup, place))
        if _open[key][0] is backup:
            return
    raise OwnedError(
        f"the backup of {backup.name!r} is open in this process already, opened at {other_place}. Go on with that one, "
        "or call its close() first: two would overwrite each other's variables"
    )


def forget(backup: Backup) -> None:
    """It is closed. A second time does nothing."""
    with _guard:
        for key in [key for key, (known, _) in _open.items() if known is backup]:
            del _open[key]


def place_of_caller() -> str:
    """File and line of the innermost frame that is not ours, for a message."""
    frame = sys._getframe(1)  # noqa: SLF001  the only way to it that does not read source files
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


@atexit.register
def _close_all() -> None:
    """The interpreter ends and nobody closed: save what there is, all together within one deadline."""
    with _guard:
        backups = [backup for backup, _ in _open.values()]
    deadline = time.monotonic() + LAST_DEADLINE
    share = _OVERTIME / max(len(backups), 10)
    reason = Reason.CRASH if _ends_by_an_error() else Reason.STOP
    for backup in backups:
        backup.leave_last(reason, complete=False, patience=share)
    for backup in backups:
        try:
            backup.close(reason, complete=False, timeout=max(deadline - time.monotonic(), share))
        except StratvarsError as error:
            _log.error("The last state of %r is lost: %s", backup.name, error)


def _ends_by_an_error() -> bool:
    """Whether an uncaught error ends the program; an interactive one shows errors and goes on."""
    is_interactive = hasattr(sys, "ps1")
    return not is_interactive and isinstance(getattr(sys, "last_value", None), Exception)


def _leave_to_the_parent() -> None:
    _open.clear()
    _guard.release()


if sys.platform != "win32":
    # A child shares the connection and has no writer thread: what it inherits is the parent's to close. The lock is
    # taken over the fork, or a child would find it taken for ever by a thread that only the parent has.
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_leave_to_the_parent)
