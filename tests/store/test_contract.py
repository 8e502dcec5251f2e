"""Every store passes the same suite."""

from __future__ import annotations

from pathlib import Path

from stratvars.store.base import Store
from stratvars.store.memory import MemoryStore
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import StoreContract


class TestMemoryStore(StoreContract):
    survives = False

    def open(self, place: Path) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    def open(self, place: Path) -> Store:
        return SqliteStore(place / "stratvars.db")
