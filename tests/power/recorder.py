"""What the store asks of the disk, recorded while it does it.

The store's own code runs, with one thing exchanged: the connection it gets is of ``apsw``, whose SQLite can be given
a file layer of our own, that of the standard library cannot. The layer writes down what it is told and passes it on.
"""

from __future__ import annotations

import ctypes
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest
from platter import Cut, FolderSynced, Made, Removed, Step, Synced, Write

from stratvars.store.sqlite import connect

_VFS = "recorded"
_IGNORED = "-shm"
"""The index of the log is no part of the database: it is made anew after the power is back."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store had acknowledged of a strategy."""

    epoch: int = 0
    revision: int = 0


@dataclass
class Recording:
    """Everything asked of the disk, in its order.

    Attributes:
        acknowledged: after how many steps the store returned what.
        tried: the text of every revision that was handed to the store.
    """

    steps: list[Step] = field(default_factory=list)
    acknowledged: list[tuple[int, Known]] = field(default_factory=list)
    tried: dict[int, str] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def acknowledge(self, epoch: int, revision: int) -> None:
        """The store said that this is durable."""
        self.acknowledged.append((len(self.steps), Known(epoch, revision)))

    def known_after(self, steps: int) -> Known:
        """What had been acknowledged when the power went after so many steps."""
        return next((known for count, known in reversed(self.acknowledged) if count <= steps), Known())

    def opened(self, name: str, *, is_new: bool) -> int:
        """The number of the file that has the name from now on."""
        if is_new or name not in self.files:
            self.files[name] = sum(isinstance(step, Made) for step in self.steps)
            self.steps.append(Made(name, self.files[name]))
        return self.files[name]


class _File(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], number: int, to: Recording) -> None:
        super().__init__("", name, flags)
        self._number, self._steps = number, to.steps

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - the name of SQLite
        self._steps.append(Write(self._number, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - as above
        self._steps.append(Cut(self._number, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - as above
        self._steps.append(Synced(self._number))
        super().xSync(flags)


class _Layer(apsw.VFS):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_VFS, "")
        self._recording = recording

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - as above
        assert name is not None, "a file without a name would hold what nobody can check"
        path = Path(name if isinstance(name, str) else name.filename())
        is_new = not path.exists()
        return _File(name, flags, self._recording.opened(path.name, is_new=is_new), self._recording)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - as above
        self._recording.steps.append(Removed(Path(filename).name))
        super().xDelete(filename, syncdir)


class _Cursor(apsw.Cursor):
    """With what the store asks of one of ``sqlite3``."""

    @property
    def rowcount(self) -> int:
        """Of the last statement that changed any."""
        return self.connection.changes()


class _Connection(apsw.Connection):
    """What the store uses of a ``sqlite3.Connection``."""

    text_factory: object = None

    def __init__(self, path: Path, patience: float, habits: dict[str, int], *, is_full: bool) -> None:
        super().__init__(str(path), vfs=_VFS)
        self.cursor_factory = _Cursor
        self.set_busy_timeout(round(patience * 1000))
        for name, value in habits.items():
            super().execute(f"PRAGMA {name} = {value}")
        self._is_full = is_full

    def execute(self, statements: str, bindings: Any = None, **options: Any) -> apsw.Cursor:
        if not self._is_full:
            # The store would refuse to go on, so the answer is what it hopes for.
            statements = {
                "PRAGMA synchronous = FULL": "PRAGMA synchronous = NORMAL",
                "PRAGMA synchronous": "SELECT 2",
            }.get(statements, statements)
        return super().execute(statements, bindings, **options)


def _habits() -> dict[str, int]:
    """What the standard library's SQLite was built to do, where it decides on which pages are written."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("secure_delete", "auto_vacuum")}


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch, *, is_full: bool = True, pages: int) -> Iterator[Recording]:
    """Every SQLite file that this process opens inside the block is recorded.

    Args:
        monkeypatch: of the test.
        is_full: ``synchronous`` is what the store sets; otherwise NORMAL, behind its back.
        pages: a commit that finds so many in the log brings them into the file.
    """
    recording = Recording()
    layer = _Layer(recording)
    habits = _habits() | {"wal_autocheckpoint": pages}

    def connected(path: Path, *, timeout: float, isolation_level: None, check_same_thread: bool) -> _Connection:
        return _Connection(path, timeout, habits, is_full=is_full)

    def folder_synced(folder: Path) -> None:
        sync_folder(folder)
        recording.steps.append(FolderSynced(by_store=True))

    sync_folder = connect.sync_folder
    with monkeypatch.context() as patch, _folders_of(layer, recording):
        patch.setattr(sqlite3, "connect", connected)
        patch.setattr(connect, "sync_folder", folder_synced)
        yield recording


@contextmanager
def _folders_of(layer: apsw.VFS, recording: Recording) -> Iterator[None]:
    """Write down where SQLite itself syncs a folder: it opens one for nothing else (os_unix.c)."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    pointer = layer.xGetSystemCall("openDirectory")
    assert pointer is not None
    original = kind(pointer)

    def opened(path: bytes, handle: int) -> int:
        recording.steps.append(FolderSynced())
        return int(original(path, handle))

    watched = kind(opened)
    address = ctypes.cast(watched, ctypes.c_void_p).value
    assert address is not None
    assert layer.xSetSystemCall("openDirectory", address)
    try:
        yield
    finally:
        layer.xSetSystemCall("openDirectory", pointer)
