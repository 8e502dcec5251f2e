"""The writers of this process, one per database, shared by all who keep variables there."""

from __future__ import annotations

import os
import sys
import uuid

from stratvars.database import Database, Secret
from stratvars.locks import new_lock
from stratvars.store.opening import open_store
from stratvars.writer import Writer

_writers: dict[Secret | str, tuple[Writer, int]] = {}
_guard = new_lock()
_inherited: list[Writer] = []
"""Those of the process that forked this one. Kept, or their end would close connections that it goes on using."""


def borrow_writer(database: Database) -> Writer:
    """The process's writer for a database; to be given back.

    A memory store belongs to its one user, so that two backtests never meet.
    """
    key = uuid.uuid4().hex if database.scheme == "memory" else database.url
    with _guard:
        writer, users = _writers.get(key) or (Writer(open_store(database)), 0)
        _writers[key] = (writer, users + 1)
    return writer


def give_back_writer(writer: Writer, timeout: float = 1.0) -> None:
    """Use the writer no more. The last one ends its connection, and waits for that for ``timeout`` seconds."""
    with _guard:
        key, users = next((key, users) for key, (known, users) in _writers.items() if known is writer)
        if users > 1:
            _writers[key] = (writer, users - 1)
        else:
            del _writers[key]
    if users == 1:
        writer.close(timeout)


def _start_anew() -> None:
    _inherited.extend(writer for writer, _ in _writers.values())
    _writers.clear()
    _guard.release()


if sys.platform != "win32":
    # A child has no writer's thread and must not use its parent's connections.
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_start_anew)
