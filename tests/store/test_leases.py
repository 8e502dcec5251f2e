"""Leases in every store, and beside somebody's locks in PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from postgres.stores import store_at
from stratvars.outcome import Left, Renewed, Saved
from stratvars.revision import LEASE, Claim, Holder, Renewing
from stratvars.store.base import Store
from stratvars.store.memory import MemoryStore
from stratvars.store.postgres.store import PostgresStore
from stratvars.store.sqlite.starts import StartLocks, is_start_held
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


def holder(start_id: str) -> Holder:
    return Holder(1, "me", start_id, left=LEASE)


def test_the_lock_of_a_start_ends_with_its_process_or_when_it_is_given_back(tmp_path: Path) -> None:
    ours, others = StartLocks(tmp_path / "lock"), StartLocks(tmp_path / "lock")
    ours.hold("one")
    ours.hold("two")
    one, two, three = map(holder, ("one", "two", "three"))
    for each in (ours, others):
        assert [each.is_held(start) for start in (one, two, three)] == [True, True, False]
    ours.give_back("one")
    assert (others.is_held(one), others.is_held(two), ours.is_held(one)) == (False, True, False)
    ours.close()
    ours.close()
    assert others.is_held(two) is False
    others.close()


def test_a_lock_file_that_cannot_be_made_tells_nothing(tmp_path: Path) -> None:
    locks = StartLocks(tmp_path / "missing" / "lock")
    locks.hold("one")
    assert locks.is_held(holder("one")) is None


def test_a_lock_file_that_was_removed_makes_no_living_start_a_dead_one(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "x.db")) as ours, closing(SqliteStore(tmp_path / "x.db")) as others:
        for each in (ours, others):
            each.prepare(TABLE)
        claim = ours.acquire(TABLE, "bot", "me", "start-1")
        assert isinstance(claim, Claim)
        held = others.acquire(TABLE, "bot", "you", "start-2")
        assert isinstance(held, Holder)
        assert others.is_held(held) is True
        time.sleep(0.1)
        (tmp_path / "x.db-lock").unlink()
        held = others.acquire(TABLE, "bot", "you", "start-2")  # makes the file anew
        assert isinstance(held, Holder)
        assert others.is_held(held) is None, "its lock may be in the one that was removed"
        ours.save([revision_of(claim, {"x": "1"})])
        held = others.acquire(TABLE, "bot", "you", "start-2")
        assert isinstance(held, Holder)
        assert others.is_held(held) is True
    assert is_start_held(tmp_path / "x.db-lock", held) is False


@pytest.mark.skipif(sys.platform != "linux", reason="the locks of starts are Linux's")
def test_a_forked_child_that_outlives_its_parent_holds_none_of_its_locks(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _FORKING, tmp_path / "x.db"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        with closing(SqliteStore(tmp_path / "x.db")) as store:
            store.prepare(TABLE)  # which takes the file's lock
            held = store.acquire(TABLE, "bot", "you", "start-2")
            assert isinstance(held, Holder)
            assert store.is_held(held) is False
    finally:
        os.kill(child, signal.SIGKILL)


_FORKING = """
import os, sys, time
from pathlib import Path
from stratvars.store.sqlite.store import SqliteStore

store = SqliteStore(Path(sys.argv[1]))
store.prepare("vars_backup")
store.acquire("vars_backup", "bot", "me", "start-1")
store._take_lock()
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""
