"""Every store keeps edits alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from postgres.stores import store_at
from stratvars.settings import resolve
from stratvars.store.base import Records, Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.records import PostgresRecords
from stratvars.store.sqlite.records import SqliteRecords
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, EditContract


class TestMemoryEdits(EditContract):
    def open(self, place: Path) -> tuple[Store, Records]:
        store = MemoryStore()
        return store, store


class TestSqliteEdits(EditContract):
    def open(self, place: Path) -> tuple[Store, Records]:
        store = SqliteStore(place / "stratvars.db")
        store.prepare(TABLE)
        return store, SqliteRecords(place / "stratvars.db")


class TestPostgresEdits(EditContract):
    @pytest.fixture(autouse=True)
    def server(self, any_pg_url: str) -> None:
        self.url = any_pg_url

    def open(self, place: Path) -> tuple[Store, Records]:
        return store_at(self.url), PostgresRecords(resolve(self.url))
