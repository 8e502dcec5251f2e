"""Leases in every store, and beside somebody's locks in PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.stores import store_at
from stratvars.outcome import Left, Renewed, Saved
from stratvars.revision import Claim, Renewing
from stratvars.store.base import Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.starts import StartLocks
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, LeaseContract, revision_of


class TestMemoryStore(LeaseContract):
    def open(self, place: Path) -> Store:
        return MemoryStore()


class TestSqliteStore(LeaseContract):
    def open(self, place: Path) -> Store:
        return SqliteStore(place / "stratvars.db")


class TestPostgresStore(LeaseContract):
    @pytest.fixture(autouse=True)
    def server(self, pg_url: str) -> None:
        self.url = pg_url

    def open(self, place: Path) -> Store:
        return store_at(self.url)


def claims_of(store: Store, names: str) -> list[Claim]:
    answers = [store.acquire(TABLE, name, "me", "start-1") for name in names]
    return [answer for answer in answers if isinstance(answer, Claim)]


def test_a_row_that_somebody_locks_keeps_no_other_lease_from_being_renewed(
    store: PostgresStore, admin: psycopg.Connection
) -> None:
    claims = claims_of(store, "abc")
    with admin.transaction():
        admin.execute("SELECT * FROM vars_backup_writers WHERE strategy_id = 'b' FOR UPDATE")
        begun = time.monotonic()
        assert store.renew([Renewing(claim, 0) for claim in claims]) == [Renewed(), Left(), Renewed()]
        assert time.monotonic() - begun < 0.9, "it does not wait for the lock"
    assert store.renew([Renewing(claim, 0) for claim in claims]) == [Renewed()] * 3


def test_renewals_beside_saves_of_the_same_strategies_meet_no_deadlock(
    store: PostgresStore, pg_url: str, admin: psycopg.Connection, record_property: Callable[[str, object], None]
) -> None:
    """Two processes with claims to the same strategies: the one of them is fenced, and asks in another order."""
    names = "abcdefgh"
    mine = claims_of(store, names)
    over = threading.Event()
    counts = {"renewals": 0, "saves": 0}

    def renew() -> None:
        with closing(store_at(pg_url)) as other:
            other.prepare(TABLE)
            while not over.is_set():
                other.renew([Renewing(claim, 0) for claim in mine[::-1]])
                counts["renewals"] += 1

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        for number in range(1, 61):
            batch = [revision_of(claim, {"n": str(number)}, follows=number - 1) for claim in mine]
            assert store.save(batch) == [Saved(number)] * len(mine)
            counts["saves"] += 1
    finally:
        over.set()
        thread.join()
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    [(deadlocks,)] = admin.execute(query.encode()).fetchall()
    record_property("counted", f"renewals beside saves: {counts}, {deadlocks} deadlocks")
    assert deadlocks == 0
    assert counts["renewals"] > 20


def test_the_lock_of_a_start_ends_with_its_process_or_when_it_is_given_back(tmp_path: Path) -> None:
    ours, others = StartLocks(tmp_path / "lock"), StartLocks(tmp_path / "lock")
    ours.hold("one")
    ours.hold("two")
    for each in (ours, others):
        assert [each.is_held(start) for start in ("one", "two", "three")] == [True, True, False]
    ours.give_back("one")
    assert (others.is_held("one"), others.is_held("two"), ours.is_held("one")) == (False, True, False)
    ours.close()
    ours.close()
    assert others.is_held("two") is False
    others.close()


def test_a_lock_file_that_cannot_be_made_tells_nothing(tmp_path: Path) -> None:
    locks = StartLocks(tmp_path / "missing" / "lock")
    locks.hold("one")
    assert locks.is_held("one") is None
